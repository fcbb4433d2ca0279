import DeploymentPlanning
import WireFormats

/// How far the containers of a project are from full health.
enum WorkloadAssessment: Sendable, Hashable {
  case ready
  case waiting(Waiting)
  /// One of them is not there any more: nothing happens until it is made.
  case missing(service: String)
  /// One of them failed for good.
  case failed(container: EngineContainer, fault: Fault)
  /// One of them was restarted by the engine; only its restart count tells whether it is in a crash loop.
  case restarting(container: EngineContainer, Waiting)

  struct Waiting: Sendable, Hashable {
    var done: Int
    var total: Int
    /// `media 1/2 ready`
    var message: String
    /// When a container has run for long enough though nothing happens that would wake anybody.
    var recheckAfter: Duration?
  }

  enum Fault: Sendable, Hashable {
    case unhealthy
    case crashed(code: Int)
    case dead
  }

  /// - Parameter settleTime: how long a container without a health check must run before it counts as ready.
  static func assess(
    services: [ComposeService], containers: [EngineContainer], settleTime: Duration
  ) -> WorkloadAssessment {
    let byService = Dictionary(grouping: containers.filter { !$0.isOneOff }, by: \.service)
    var done = 0
    var total = 0
    var unready: String?
    var recheck: Duration?
    var restarting: EngineContainer?
    var missing: String?
    for service in services {
      let own = byService[service.name] ?? []
      let wanted = max(service.replicas, own.count)
      var ready = 0
      for container in own.sorted(by: { $0.name < $1.name }) {
        switch step(of: container, in: service, settleTime: settleTime) {
        case .ready: ready += 1
        case .settling(let left): recheck = min(recheck ?? left, left)
        case .pending: break
        case .restarting: restarting = restarting ?? container
        case .failed(let fault): return .failed(container: container, fault: fault)
        }
      }
      if own.count < service.replicas { missing = missing ?? service.name }
      done = done.addingSaturated(ready)
      total = total.addingSaturated(wanted)
      if ready < wanted, unready == nil { unready = "\(service.name) \(ready)/\(wanted) ready" }
    }
    if let missing { return .missing(service: missing) }
    guard let unready else { return .ready }
    let waiting = Waiting(done: done, total: total, message: unready, recheckAfter: recheck)
    if let restarting { return .restarting(container: restarting, waiting) }
    return .waiting(waiting)
  }

  private enum ContainerStep {
    case ready
    case settling(Duration)
    case pending
    case restarting
    case failed(Fault)
  }

  private static func step(
    of container: EngineContainer, in service: ComposeService, settleTime: Duration
  ) -> ContainerStep {
    switch (container.state, container.health) {
    case (.running, .healthy): return service.isAwaitedToComplete ? .pending : .ready
    case (.running, .starting): return .pending
    case (.running, .unhealthy): return .failed(.unhealthy)
    case (.running, .none):
      if service.isAwaitedToComplete { return .pending }
      let uptime = container.uptime ?? .zero
      return uptime >= settleTime ? .ready : .settling(settleTime - uptime)
    case (.created, _), (.paused, _): return .pending
    case (.restarting, _): return .restarting
    case (.exited(code: 0), _): return service.mayComplete ? .ready : .pending
    // The engine shows a container that it will start again as restarting, so this one stays as it is.
    case (.exited(let code), _): return .failed(.crashed(code: code))
    case (.dead, _): return .failed(.dead)
    }
  }
}
