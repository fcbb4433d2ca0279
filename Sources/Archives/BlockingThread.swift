import Glibc
import Synchronization

/// Runs blocking work on a thread of its own, so that it holds up no task.
enum BlockingThread {
  /// Set when the task that waits for the work is cancelled; the work looks at it from time to time.
  final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)
    var isCancelled: Bool { flag.load(ordering: .relaxed) }
    func cancel() { flag.store(true, ordering: .relaxed) }
  }

  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// - Returns: what `body` returns; nil where the system gives no thread.
  static func run<Result: Sendable>(_ body: @escaping @Sendable (Cancellation) -> Result) async -> Result? {
    let cancellation = Cancellation()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Result?, Never>) in
        let work = Unmanaged.passRetained(Work { continuation.resume(returning: body(cancellation)) })
        var thread = pthread_t()
        let failure = pthread_create(
          &thread, nil,
          { argument in
            if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
            return nil
          }, work.toOpaque())
        if failure == 0 {
          pthread_detach(thread)
        } else {
          work.release()
          continuation.resume(returning: nil)
        }
      }
    } onCancel: {
      cancellation.cancel()
    }
  }
}
