public import DeploymentKinds
import DeploymentPlanning
import ResourceModel

/// One term of this Agent's lead: it may act and write statuses while the Lease says so.
///
/// A process that was suspended, with its virtual machine for instance, does not know on waking that its lease ran out and
/// that another Agent works. So before it acts, and wherever it meets another Agent's mark, it asks the Lease itself.
public struct Leadership: Sendable {
  /// What marks this term's statuses.
  public var mark: DesiredDeploymentStatus.Agent
  /// Asks the Lease whether this term goes on. Where no answer is to be had, it is what this process's clock says.
  public var isHeld: @Sendable () async -> Bool

  public init(mark: DesiredDeploymentStatus.Agent, isHeld: @escaping @Sendable () async -> Bool) {
    self.mark = mark
    self.isHeld = isHeld
  }
}

/// What a step was begun for: its outcome belongs to no other object, and to no other Agent's attempt.
struct StepFence: Sendable {
  private let uid: String?
  /// The marks under which this step may find the status: its own, and the one that was there when the pass began, which
  /// is still there where the server could not be reached to record the step.
  private let marks: [DesiredDeploymentStatus.Agent?]
  private let leadership: Leadership

  init(_ object: DesiredDeployment, found: DesiredDeploymentStatus.Agent?, leadership: Leadership) {
    self.uid = object.metadata.uid
    self.marks = [leadership.mark, found]
    self.leadership = leadership
  }

  /// Whether the step's status may be written onto the object as it is now.
  func admits(_ fresh: DesiredDeployment) async -> Bool {
    guard fresh.metadata.uid == uid else { return false }
    if marks.contains(fresh.status?.agent) { return true }
    return await leadership.isHeld()
  }
}
