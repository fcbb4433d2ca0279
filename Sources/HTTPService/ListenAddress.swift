import Glibc
import ProgramConfiguration

/// Where the server listens: `127.0.0.1:3000`, `[::1]:3000`, `:3000` for every address.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  public var host: String
  /// 0 for any free port.
  public var port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Nil where the text is no such address.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
      (0...65535).contains(port)
    else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      return nil
    }
    self.host = host.isEmpty ? "0.0.0.0" : host
    self.port = port
  }

  /// True where only this machine reaches it.
  public var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" || host == "localhost" }

  /// As it is written for `--listen`.
  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Why the system does not let the server listen here, and what to do; nil where the error says something else.
  func refusal(errnoCode: CInt) -> ConfigurationError? {
    switch errnoCode {
    case EADDRINUSE:
      ConfigurationError(
        "cannot listen on \(self): another program uses this port. Stop it (ss -ltnp shows which it is), or choose "
          + "another address with --listen")
    case EADDRNOTAVAIL:
      ConfigurationError(
        "cannot listen on \(self): this machine has no such address. Choose one of its own with --listen (ip "
          + "address shows them), or every one with --listen :\(port)")
    case EACCES, EPERM:
      ConfigurationError(
        "cannot listen on \(self): this user may not use port \(port). Choose a port from 1024 on with --listen, or "
          + "give the program the capability CAP_NET_BIND_SERVICE")
    default: nil
    }
  }

  /// Where the name of the host is not known.
  var unknownHost: ConfigurationError {
    ConfigurationError(
      "cannot listen on \(self): \(host) has no address here. Write an address of this machine as numbers with "
        + "--listen")
  }

  /// The URL under which a server on this address is reached.
  public func url(port: Int, isSecure: Bool = false) -> String {
    "\(isSecure ? "https" : "http")://\(ListenAddress(host: host, port: port))"
  }
}
