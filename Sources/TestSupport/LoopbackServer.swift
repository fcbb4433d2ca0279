import Glibc
import Synchronization

/// What the server read of one request.
public struct ServerRequest: Sendable {
  public var method: String
  public var target: String
  /// By their names in lower case.
  public var headers: [String: String]
  public var body: [UInt8]
}

/// One accepted connection, used by its own thread.
public final class ServerConnection: Sendable {
  public let number: Int
  public let descriptor: Int32
  private let buffer = Mutex<[UInt8]>([])

  fileprivate init(descriptor: Int32, number: Int) {
    self.descriptor = descriptor
    self.number = number
  }

  deinit { close(descriptor) }

  /// False when the client has gone.
  @discardableResult
  public func write(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes[sent...].withUnsafeBytes {
        unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  @discardableResult
  public func write(_ text: String) -> Bool { write(Array(text.utf8)) }

  /// A whole response with its length.
  @discardableResult
  public func respond(_ status: Int = 200, headers: [String] = [], body: [UInt8] = []) -> Bool {
    let lines = ["HTTP/1.1 \(status) Status", "Content-Length: \(body.count)"] + headers
    return write(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body)
  }

  /// Blocks until the client closes the connection.
  public func waitForClose() {
    while let bytes = read(), !bytes.isEmpty {}
  }

  /// Ends the connection in the middle of whatever it was doing.
  public func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Nil at the end of the connection.
  public func readRequest() -> ServerRequest? {
    var bytes = buffer.withLock { $0 }
    var headEnd: Int?
    while headEnd == nil {
      headEnd = bytes.indices.dropFirst(3).first { Array(bytes[$0 - 3...$0]) == Array("\r\n\r\n".utf8) }
      if headEnd == nil {
        guard let more = read(), !more.isEmpty else { return nil }
        bytes += more
      }
    }
    guard let headEnd else { return nil }
    let lines = String(decoding: bytes[...headEnd], as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    let length = headers["content-length"].flatMap { Int($0) } ?? 0
    var body = Array(bytes[(headEnd + 1)...])
    while body.count < length {
      guard let more = read(), !more.isEmpty else { return nil }
      body += more
    }
    buffer.withLock { $0 = Array(body[length...]) }
    return ServerRequest(
      method: words.first.map(String.init) ?? "", target: words.count > 1 ? String(words[1]) : "", headers: headers,
      body: Array(body[..<length]))
  }

  /// What has come, at least one byte; empty at the end of the connection, nil where it broke.
  public func read() -> [UInt8]? {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    let count = unsafe recv(descriptor, &chunk, chunk.count, 0)
    return count < 0 ? nil : Array(chunk[..<count])
  }
}

/// A small server for tests, of HTTP/1.1 where nothing else is said: a thread for each connection, and the test decides
/// every byte.
public final class LoopbackServer: Sendable {
  public typealias Handler = @Sendable (ServerRequest, ServerConnection) -> Void

  public let port: UInt16
  private let listener: Int32
  private let connectionCount: RequestCounter

  public var url: String { "http://127.0.0.1:\(port)" }

  /// Connections accepted so far.
  public var acceptedConnections: Int { connectionCount.value }

  public convenience init(unixSocketPath: String? = nil, handler: @escaping Handler) throws {
    try self.init(unixSocketPath: unixSocketPath) { connection in
      while let request = connection.readRequest() { handler(request, connection) }
    }
  }

  /// - Parameter serve: has the connection to itself, which is closed when it returns and keeps no reference.
  public init(unixSocketPath: String? = nil, serve: @escaping @Sendable (ServerConnection) -> Void) throws {
    let listener: Int32
    if let unixSocketPath {
      listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: unixSocketPath.utf8) }
      try Self.check(
        unsafe withUnsafePointer(to: address) {
          unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
          }
        })
    } else {
      listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      try Self.check(
        unsafe withUnsafePointer(to: address) {
          unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        })
    }
    try Self.check(listen(listener, 1024))
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try Self.check(
      unsafe withUnsafeMutablePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(listener, $0, &length) }
      })
    self.port = UInt16(bigEndian: address.sin_port)
    self.listener = listener
    let connectionCount = RequestCounter()
    self.connectionCount = connectionCount
    startThread {
      while true {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else {
          // What passes ends no server: an interruption, or descriptors that others of this process have at the moment.
          if [EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) {
            usleep(10_000)
            continue
          }
          close(listener)
          return
        }
        let connection = ServerConnection(descriptor: descriptor, number: connectionCount.increment())
        startThread { serve(connection) }
      }
    }
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  private static func check(_ result: Int32) throws {
    guard result == 0 else { throw LoopbackServerError(number: errno) }
  }
}

public struct LoopbackServerError: Error {
  public var number: Int32
}

public final class RequestCounter: Sendable {
  private let count = Mutex(0)

  public init() {}

  public var value: Int { count.withLock { $0 } }

  @discardableResult
  public func increment() -> Int {
    count.withLock { count in
      count += 1
      return count
    }
  }
}

private final class ThreadBody {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Blocking calls do not belong on Swift's own threads.
private func startThread(_ run: @escaping @Sendable () -> Void) {
  var attributes = pthread_attr_t()
  unsafe pthread_attr_init(&attributes)
  unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  unsafe pthread_attr_setstacksize(&attributes, 512 << 10)
  var thread = pthread_t()
  let body = unsafe Unmanaged.passRetained(ThreadBody(run)).toOpaque()
  unsafe pthread_create(
    &thread, &attributes,
    { raw in
      if let raw = unsafe raw { unsafe Unmanaged<ThreadBody>.fromOpaque(raw).takeRetainedValue().run() }
      return nil
    }, body)
  unsafe pthread_attr_destroy(&attributes)
}
