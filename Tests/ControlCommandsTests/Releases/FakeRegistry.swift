import Cryptography
import Synchronization
import TestSupport
import WireFormats

/// A registry on this machine that gives its images to whoever brings a token, as the great ones do.
final class FakeRegistry: Sendable {
  enum Access { case free, basic, token }

  private struct State {
    var documents: [String: [UInt8]] = [:]
    var requests: [String] = []
  }

  private let box: Shared
  private let server: LoopbackServer

  var host: String { "127.0.0.1:\(server.port)" }
  /// Method, target and authorization of each request.
  var log: [String] { box.requests }

  /// `user:secret`
  static let basic = "Basic dXNlcjpzZWNyZXQ="

  /// - Parameter lies: answers other bytes than were asked for by digest.
  init(_ access: Access = .free, lies: Bool = false) throws {
    var state = State()
    let image = { (text: String) -> [UInt8] in
      Array(
        #"{"schemaVersion":2,"config":{"digest":"sha256:\#(SHA256.digest(of: text).hexadecimal)"},"layers":[]}"#.utf8)
    }
    let platforms = ["amd64", "arm64"].map { image($0) }
    for bytes in platforms { state.documents[Self.digest(bytes)] = bytes }
    var manifests: [JSONValue] = zip(platforms, ["amd64", "arm64"]).map { bytes, name -> JSONValue in
      ["digest": .string(Self.digest(bytes)), "platform": ["os": "linux", "architecture": .string(name)]]
    }
    manifests.append([
      "digest": .string("sha256:" + String(repeating: "9", count: 64)),
      "platform": ["os": "unknown", "architecture": "unknown"],
    ])
    let index = JSONValue.object(["schemaVersion": 2, "manifests": .array(manifests)]).serialized()
    state.documents["v1"] = index
    state.documents["single"] = image("single")
    let box = Shared(state)
    let server = try LoopbackServer { request, connection in
      let authorization = request.headers["authorization"] ?? ""
      box.record("\(request.method) \(request.target) \(authorization)")
      if request.target.hasPrefix("/token?") {
        guard authorization == FakeRegistry.basic else {
          connection.respond(401)
          return
        }
        connection.respond(200, body: Array(#"{"token":"good"}"#.utf8))
        return
      }
      let isWelcome =
        switch access {
        case .free: true
        case .basic: authorization == FakeRegistry.basic
        case .token: authorization == "Bearer good"
        }
      guard isWelcome else {
        let host = request.headers["host"] ?? ""
        connection.respond(
          401,
          headers: [
            access == .basic
              ? #"WWW-Authenticate: Basic realm="registry""#
              : #"WWW-Authenticate: Bearer realm="http://\#(host)/token",service="the registry",scope="repository:shop/backend:pull,push""#
          ])
        return
      }
      let version = request.target.split(separator: "/").last.map(String.init) ?? ""
      guard let bytes = box.document(version), request.headers["accept"]?.contains("image.index") == true else {
        connection.respond(404)
        return
      }
      connection.respond(200, body: lies && version.hasPrefix("sha256:") ? bytes + [0x20] : bytes)
    }
    self.server = server
    self.box = box
  }

  static func digest(_ bytes: [UInt8]) -> String { "sha256:\(SHA256.digest(of: bytes).hexadecimal)" }

  func digest(of version: String) -> String { Self.digest(box.document(version) ?? []) }

  private final class Shared: Sendable {
    private let state: Mutex<State>
    init(_ state: State) { self.state = Mutex(state) }
    func record(_ request: String) { state.withLock { $0.requests.append(request) } }
    func document(_ version: String) -> [UInt8]? { state.withLock { $0.documents[version] } }
    var requests: [String] { state.withLock { $0.requests } }
  }
}
