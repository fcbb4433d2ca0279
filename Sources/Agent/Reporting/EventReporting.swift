public import DeploymentKinds
public import DeploymentPlanning
public import ResourceClient
public import ResourceModel

/// Tells in Events what happens; never waits and never fails.
public protocol EventReporting: Sendable {
  func report(_ event: DeploymentEvent, about object: DesiredDeployment)
}

extension EventRecorder: EventReporting {
  public func report(_ event: DeploymentEvent, about object: DesiredDeployment) {
    let type: EventType =
      switch event.kind {
      case .normal: .normal
      case .warning: .warning
      }
    record(type, reason: event.reason, message: event.message, about: ObjectReference(object))
  }
}
