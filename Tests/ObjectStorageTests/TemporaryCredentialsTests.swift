import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ObjectStorage

@Suite struct TemporaryCredentialsTests {
  /// A clock, and a source of numbered credentials that live for `lifetime` seconds.
  private final class Source: Sendable {
    private struct State {
      var now: Int64 = 1_800_000_000
      var count = 0
      var fails = false
      var lifetime: Int64 = 3600
    }
    private let state = Mutex(State())

    var count: Int { state.withLock { $0.count } }

    func pass(_ seconds: Int64) { state.withLock { $0.now += seconds } }
    func fail(_ fails: Bool) { state.withLock { $0.fails = fails } }
    func live(_ seconds: Int64) { state.withLock { $0.lifetime = seconds } }

    func credentials() -> TemporaryCredentials<Int> {
      let now = { @Sendable in Timestamp(seconds: self.state.withLock { $0.now }) }
      return TemporaryCredentials(now: now) { () async throws(ObjectStorageError) in
        let issue = self.state.withLock { state -> TemporaryCredentials<Int>.Issue? in
          state.count += 1
          return state.fails
            ? nil
            : TemporaryCredentials.Issue(value: state.count, expires: Timestamp(seconds: state.now + state.lifetime))
        }
        guard let issue else { throw ObjectStorageError(code: .unreachable, bucket: "b", detail: "no connection") }
        return issue
      }
    }
  }

  @Test func areKeptAndRenewedBeforeTheyEnd() async throws {
    let source = Source()
    let credentials = source.credentials()
    #expect(try await credentials.value() == 1)
    source.pass(3299)
    #expect(try await credentials.value() == 1)
    source.pass(1)
    #expect(try await credentials.value() == 2)
  }

  @Test func shortLivedOnesAreNotFetchedEachTime() async throws {
    let source = Source()
    source.live(100)
    let credentials = source.credentials()
    for _ in 0..<10 { #expect(try await credentials.value() == 1) }
    source.pass(75)
    #expect(try await credentials.value() == 2)
  }

  @Test func thoseThatAreStillGoodServeWhileNoneCanBeHad() async throws {
    let source = Source()
    let credentials = source.credentials()
    #expect(try await credentials.value() == 1)
    source.fail(true)
    source.pass(3400)
    for _ in 0..<5 { #expect(try await credentials.value() == 1) }
    // Not asked for again with each request.
    #expect(source.count == 2)
    source.pass(200)
    await #expect(throws: ObjectStorageError.self) { try await credentials.value() }
    source.fail(false)
    #expect(try await credentials.value() == 4)
  }

  @Test func callersShareOneFetch() async throws {
    let count = RequestCounter()
    let gate = AsyncGate()
    let now = { @Sendable in Timestamp(seconds: 0) }
    let credentials = TemporaryCredentials<Int>(now: now) {
      await gate.wait()
      return TemporaryCredentials.Issue(value: count.increment(), expires: Timestamp(seconds: 3600))
    }
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<20 { group.addTask { try await credentials.value() } }
      // One is cancelled; the others get theirs.
      group.addTask {
        unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
        return try await credentials.value()
      }
      gate.open()
      for try await value in group { #expect(value == 1) }
    }
    #expect(count.value == 1)
  }
}

/// Lets through once it is open.
private final class AsyncGate: Sendable {
  private struct State {
    var isOpen = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}
