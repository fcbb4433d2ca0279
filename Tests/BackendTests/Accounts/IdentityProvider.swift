import Cryptography
import FoundationEssentials
import Synchronization
import TestSupport
import WireFormats

/// A small identity provider on this machine: a test decides what it says, true or not.
final class IdentityProvider: Sendable {
  /// Keys made by `openssl`, once for all tests.
  struct Key: Sendable {
    var id: String
    var file: String
    var algorithm: String
    /// As a JSON Web Key names them.
    var numbers: [String: [UInt8]]

    var json: JSONValue {
      var json: JSONValue = [
        "kid": .string(id), "use": "sig", "alg": .string(algorithm), "kty": algorithm == "RS256" ? "RSA" : "EC",
      ]
      if algorithm == "ES256" { json["crv"] = "P-256" }
      for (name, number) in numbers { json[name] = .string(Base64.encode(number, alphabet: .urlSafe)) }
      return json
    }
  }

  struct Keys: Sendable {
    let folder: TemporaryFolder
    var rsa: Key
    var otherRSA: Key
    var weakRSA: Key
    var ec: Key

    fileprivate static let made = Task { try await make() }

    static var all: Keys { get async throws { try await made.value } }

    private static func make() async throws -> Keys {
      let folder = try TemporaryFolder()
      return Keys(
        folder: folder, rsa: try await rsa("rsa", 2048, folder), otherRSA: try await rsa("other", 2048, folder),
        weakRSA: try await rsa("weak", 1024, folder), ec: try await ec("ec", folder))
    }

    private static func rsa(_ id: String, _ bits: Int, _ folder: TemporaryFolder) async throws -> Key {
      let file = folder.file("\(id).pem")
      try await openssl("genrsa", "-out", file, "\(bits)")
      let words = try await openssl("rsa", "-in", file, "-noout", "-modulus")
      let modulus = Hexadecimal.decode(String(words.split(separator: "=").last?.filter(\.isHexDigit) ?? "")) ?? []
      return Key(id: id, file: file, algorithm: "RS256", numbers: ["n": modulus, "e": [1, 0, 1]])
    }

    private static func ec(_ id: String, _ folder: TemporaryFolder) async throws -> Key {
      let (file, point) = (folder.file("\(id).pem"), folder.file("\(id).der"))
      try await openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file)
      try await openssl("ec", "-in", file, "-pubout", "-outform", "DER", "-out", point)
      let bytes = Array(FileManager.default.contents(atPath: point) ?? Data()).suffix(64)
      return Key(
        id: id, file: file, algorithm: "ES256", numbers: ["x": Array(bytes.prefix(32)), "y": Array(bytes.suffix(32))])
    }

    @discardableResult
    fileprivate static func openssl(_ arguments: String...) async throws -> String {
      let program = try await RunningProgram.start("/usr/bin/openssl", arguments: arguments)
      _ = await program.termination()
      return program.output.joined(separator: "\n")
    }
  }

  /// What came to the token endpoint.
  struct Form: Sendable {
    var items: [String: String]
    var authorization: String?
  }

  /// What it is asked for and says; a test changes it.
  struct State: Sendable {
    var metadata: [String: JSONValue] = [:]
    var keys: [Key] = []
    var tokenStatus = 200
    var tokenAnswer: JSONValue = [:]
    var forms: [Form] = []
    var keySetRequests = 0
    var discoveryRequests = 0
  }

  private let state: Mutex<State>
  private let server: Mutex<LoopbackServer?>

  var url: String { server.withLock { $0?.url ?? "" } }

  init(_ keys: [Key]) throws {
    state = Mutex(State(keys: keys))
    server = Mutex(nil)
    let made = try LoopbackServer { [weak self] request, connection in
      let answer = self?.answer(request) ?? (404, [:])
      connection.respond(answer.0, headers: ["Content-Type: application/json"], body: answer.1.serialized())
    }
    server.withLock { $0 = made }
  }

  private func answer(_ request: ServerRequest) -> (Int, JSONValue) {
    let url = url
    return state.withLock { state in
      switch request.target {
      case "/.well-known/openid-configuration":
        state.discoveryRequests += 1
        var json: JSONValue = [
          "issuer": .string(url), "authorization_endpoint": .string("\(url)/authorize"),
          "token_endpoint": .string("\(url)/token"), "jwks_uri": .string("\(url)/keys"),
        ]
        for (name, value) in state.metadata { json[name] = value }
        return (200, json)
      case "/keys":
        state.keySetRequests += 1
        return (200, ["keys": .array(state.keys.map(\.json))])
      case "/token":
        let pairs = String(decoding: request.body, as: UTF8.self).split(separator: "&").map { item in
          let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
          return (String(pair[0]), PercentEncoding.decode(pair[1]) ?? "")
        }
        state.forms.append(
          Form(items: Dictionary(pairs) { $1 }, authorization: request.headers["authorization"]))
        return (state.tokenStatus, state.tokenAnswer)
      default: return (404, [:])
      }
    }
  }

  /// What it was asked for, and says.
  var seen: State { state.withLock { $0 } }

  func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

  // MARK: Tokens

  /// - Parameter header: instead of the one that fits the key.
  static func sign(_ claims: JSONValue, _ key: Key, header: JSONValue? = nil) async throws -> String {
    let header = header ?? ["alg": .string(key.algorithm), "kid": .string(key.id), "typ": "JWT"]
    let message = [header, claims].map { Base64.encode($0.serialized(), alphabet: .urlSafe) }.joined(separator: ".")
    let folder = try TemporaryFolder()
    let (input, output) = (folder.file("message"), folder.file("signature"))
    try Data(message.utf8).write(to: URL(filePath: input))
    try await Keys.openssl("dgst", "-sha256", "-sign", key.file, "-out", output, input)
    var signature = Array(FileManager.default.contents(atPath: output) ?? Data())
    if key.algorithm == "ES256" { signature = twoNumbers(signature) }
    return "\(message).\(Base64.encode(signature, alphabet: .urlSafe))"
  }

  /// The two numbers of an ECDSA signature (RFC 3279 §2.2.3), 32 bytes each.
  private static func twoNumbers(_ encoded: [UInt8]) -> [UInt8] {
    func padded(_ number: some Sequence<UInt8>) -> [UInt8] {
      let digits = Array(number.drop { $0 == 0 })
      return [UInt8](repeating: 0, count: 32 - digits.count) + digits
    }
    let count = Int(encoded[3])
    return padded(encoded[4..<4 + count]) + padded(encoded[(6 + count)...])
  }
}
