import Glibc

/// Runs `body` on a new, detached thread, which ends with it.
/// - Throws: where the system gives no further thread; `body` is not run then.
public func startThread(_ body: @escaping @Sendable () -> Void) throws(ThreadError) {
  final class Start: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  let start = Unmanaged.passRetained(Start(body))
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { start in
      if let start { Unmanaged<Start>.fromOpaque(start).takeRetainedValue().body() }
      return nil
    }, start.toOpaque())
  guard code == 0 else {
    start.release()
    throw ThreadError(code: code)
  }
  pthread_detach(thread)
}

/// The system gave no further thread.
public struct ThreadError: Error, Sendable, Hashable, CustomStringConvertible {
  /// As in `errno`.
  public var code: Int32

  public var description: String { "the system gives no further thread: \(String(cString: strerror(code)))" }
}
