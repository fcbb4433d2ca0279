import Glibc

/// Runs work that waits for a disk on a thread of its own: the threads of Swift's tasks are few and must not wait.
package func onOwnThread<Value: Sendable, Failure: Error>(
  _ work: @escaping @Sendable () -> Result<Value, Failure>
) async throws(Failure) -> Value {
  let result = await withCheckedContinuation { continuation in
    let call = BlockingCall { continuation.resume(returning: work()) }
    if !call.start() { call.run() }
  }
  return try result.get()
}

/// As above, for work that throws.
package func onOwnThread<Value: Sendable, Failure: Error>(
  trying work: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
  try await onOwnThread { Result(catching: work) }
}

private final class BlockingCall {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) { self.run = run }

  /// False when the system gives no thread; the work was not begun.
  func start() -> Bool {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    defer { unsafe pthread_attr_destroy(&attributes) }
    let context = unsafe Unmanaged.passRetained(self)
    var thread = pthread_t()
    let result = unsafe pthread_create(
      &thread, &attributes,
      { raw in
        if let raw = unsafe raw { unsafe Unmanaged<BlockingCall>.fromOpaque(raw).takeRetainedValue().run() }
        return nil
      }, context.toOpaque())
    if result != 0 { unsafe context.release() }
    return result == 0
  }
}
