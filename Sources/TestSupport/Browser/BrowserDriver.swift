import HTTPTransport
import Synchronization
import WireFormats

/// Chromium's driver (W3C WebDriver), one process for a test program.
actor BrowserDriver {
  static let shared = BrowserDriver()

  private let http = HTTPClient(userAgent: "wrktalk-tests")
  private var started: Task<String, any Error>?

  /// Sends one command.
  /// - Parameter path: below the driver's address, such as `/session`.
  /// - Returns: the answer's `value`.
  func send(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
    let response = try await http.send(
      HTTPRequest(
        method: method, url: try await address() + path, headers: [("Content-Type", "application/json")],
        body: body.map { .bytes($0.serialized()) } ?? .none, timeout: .seconds(120)))
    let value = try JSONValue(parsing: response.body)["value"] ?? .null
    guard response.status == 200 else {
      throw BrowserError(
        code: value["error"]?.string ?? "\(response.status)",
        message: String((value["message"]?.string ?? "").prefix { $0 != "\n" }))
    }
    return value
  }

  private func address() async throws -> String {
    if let started { return try await started.value }
    let starting = Task {
      // It takes a port that is free with IPv6, which may be taken with IPv4: then another one.
      for _ in 0..<5 {
        if let address = try? await Self.start() { return address }
      }
      return try await Self.start()
    }
    started = starting
    return try await starting.value
  }

  private static func start() async throws -> String {
    let program = try await RunningProgram.start(
      // It ends with the test program, however that ends.
      "/usr/bin/setpriv",
      arguments: ["--pdeathsig", "KILL", try Testbed.location(of: .browser), "--port=0", "--log-level=WARNING"])
    let line = try await program.line(containing: "started successfully on port")
    let port = line.split(separator: " ").last.map { $0.filter(\.isNumber) } ?? ""
    return "http://127.0.0.1:\(port)"
  }
}

/// What the driver refused.
public struct BrowserError: Error, CustomStringConvertible {
  public var code: String
  public var message: String
  public var description: String { "\(code): \(message)" }
}
