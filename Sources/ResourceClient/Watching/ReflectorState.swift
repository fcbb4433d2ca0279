import ResourceModel

/// What a reflector knows, and who waits for it: a value, kept behind a lock.
struct ReflectorState<Object: Equatable & Sendable>: Sendable {
  /// What somebody waits for.
  enum Milestone: Sendable {
    case sync
    case syncOrProblem
  }

  /// How a wait ended.
  enum Arrival: Sendable {
    case synced
    case problem(ResourceClientError)
    case cancelled
  }

  typealias Waiter = CheckedContinuation<Arrival, Never>

  private(set) var cache = ObjectCache<Object>()
  private(set) var problem: ResourceClientError?
  private var waiters: [Int: (milestone: Milestone, continuation: Waiter)] = [:]
  private var nextWaiter = 0

  // MARK: Waiting

  mutating func makeWaiter() -> Int {
    nextWaiter += 1
    return nextWaiter
  }

  /// - Returns: how the wait ends, where it ends at once; else `waiter` is kept.
  mutating func wait(for milestone: Milestone, _ id: Int, _ waiter: Waiter) -> Arrival? {
    if cache.hasSynced { return .synced }
    if milestone == .syncOrProblem, let problem { return .problem(problem) }
    if Task.isCancelled { return .cancelled }
    waiters[id] = (milestone, waiter)
    return nil
  }

  mutating func abandon(_ id: Int) -> Waiter? { waiters.removeValue(forKey: id)?.continuation }

  // MARK: What happens

  /// - Returns: the keys that changed, and who waited for the list.
  mutating func listed(
    _ objects: [ObjectKey: Object], resourceVersion: String
  ) -> (changed: [ObjectKey], waiters: [Waiter]) {
    problem = nil
    defer { waiters = [:] }
    return (cache.replace(with: objects, resourceVersion: resourceVersion), waiters.values.map(\.continuation))
  }

  mutating func watching() { problem = nil }

  mutating func changed(_ change: CacheChange<Object>) -> ObjectKey? { cache.apply(change) }

  /// - Returns: who waited for the list or a problem.
  mutating func failed(_ error: ResourceClientError) -> [Waiter] {
    problem = error
    let met = waiters.filter { $0.value.milestone == .syncOrProblem }
    for id in met.keys { waiters[id] = nil }
    return met.values.map(\.continuation)
  }

  mutating func forgetVersion() { cache.forgetVersion() }
}
