import WireFormats

/// Keeps credentials that expire: fetched when they are first needed, and anew some minutes before they end. Whoever asks
/// meanwhile waits for the one fetch that is under way.
actor TemporaryCredentials<Value: Sendable> {
  struct Issue: Sendable {
    var value: Value
    var expires: Timestamp
  }

  private struct Held {
    var issue: Issue
    var fetched: Timestamp
    /// When they are to be replaced, where that is possible.
    var renewal: Timestamp
  }

  private let fetch: @Sendable () async throws(ObjectStorageError) -> Issue
  private let now: @Sendable () -> Timestamp
  private var held: Held?
  private var fetching: Task<Result<Issue, ObjectStorageError>, Never>?

  init(
    now: @escaping @Sendable () -> Timestamp, fetch: @escaping @Sendable () async throws(ObjectStorageError) -> Issue
  ) {
    self.now = now
    self.fetch = fetch
  }

  /// Good for a while.
  /// - Throws: where there are none, and none can be had. Those that are still good serve until they are not.
  func value() async throws(ObjectStorageError) -> Value {
    if let held, now() < held.renewal { return held.issue.value }
    switch await newest() {
    case .success(let issue): return issue.value
    case .failure(let error):
      guard let held, now() < held.issue.expires else { throw error }
      self.held?.renewal = now() + .seconds(30)
      return held.issue.value
    }
  }

  /// Forgets what a store refused, unless it is fresh: then others would be refused too.
  /// - Returns: whether it was forgotten, so that another try is worth its while.
  func renew() -> Bool {
    guard let held, now() - held.fetched > .seconds(60) || now() < held.fetched else { return false }
    self.held = nil
    return true
  }

  private func newest() async -> Result<Issue, ObjectStorageError> {
    if let fetching { return await fetching.value }
    // On a task of its own: one caller's cancellation is not the others'.
    let task = Task { [fetch] in
      await Result { () async throws(ObjectStorageError) in try await fetch() }
    }
    fetching = task
    let result = await task.value
    fetching = nil
    if case .success(let issue) = result {
      let fetched = now()
      // Five minutes before the end; of what lives shorter, when a quarter is left.
      let margin = min(.seconds(300), (issue.expires - fetched) / 4)
      held = Held(issue: issue, fetched: fetched, renewal: issue.expires + (.zero - margin))
    }
    return result
  }
}

extension Result {
  fileprivate init(_ work: () async throws(Failure) -> Success) async {
    do throws(Failure) { self = .success(try await work()) } catch { self = .failure(error) }
  }
}
