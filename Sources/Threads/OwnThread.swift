import Glibc
import Synchronization

/// Runs work that blocks, on a disk or in a C library, on a thread of its own: the threads of Swift's tasks are as few as
/// the processors and must not wait. Where the system gives no further thread, the work runs where it was called.
///
/// A call costs about as much as starting a thread (some ten microseconds), so one call should do all of a piece of work.
public func onOwnThread<Value: Sendable, Failure: Error>(
  _ work: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
  let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
    let run: @Sendable () -> Void = { continuation.resume(returning: Result(catching: work)) }
    do throws(ThreadError) { try startThread(run) } catch { run() }
  }
  return try result.get()
}

/// As above, for work that takes long: it looks from time to time whether the task that waits for it was cancelled.
public func onOwnThread<Value: Sendable, Failure: Error>(
  _ work: @escaping @Sendable (ThreadCancellation) throws(Failure) -> Value
) async throws(Failure) -> Value {
  let cancellation = ThreadCancellation()
  let result: Result<Value, Failure> = await withTaskCancellationHandler {
    await onOwnThread { Result { () throws(Failure) in try work(cancellation) } }
  } onCancel: {
    cancellation.cancel()
  }
  return try result.get()
}

/// Whether the task that waits for a thread's work was cancelled.
public final class ThreadCancellation: Sendable {
  private let flag = Atomic(false)

  init() {}

  public var isCancelled: Bool { flag.load(ordering: .relaxed) }

  func cancel() { flag.store(true, ordering: .relaxed) }
}
