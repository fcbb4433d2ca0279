import Cryptography
import WireFormats

/// How Google's cloud is told who asks.
public enum GoogleCredentials: Sendable, Hashable {
  /// A service account's key, as its console exports it. The file is read again for each token.
  case serviceAccount(file: String)
  /// The service account of this machine or pod.
  /// - Parameter endpoint: of the metadata server.
  case metadata(endpoint: String)
  /// Nothing: for emulators.
  case anonymous
}

/// What a service account's file holds, as far as it is needed.
struct ServiceAccountKey: Sendable {
  var email: String
  var keyID: String?
  /// Where tokens come from.
  var tokenAddress: String
  private var key: RSASigning.PrivateKey

  /// What is wrong with the file; never holds a value.
  struct Fault: Error { let text: String }

  init(json text: String) throws(Fault) {
    guard let object = try? JSONValue(parsing: Array(text.utf8), maximumDepth: 8, maximumNodeCount: 1000) else {
      throw Fault(text: "it is not valid JSON")
    }
    guard object["type"]?.string == "service_account" else {
      throw Fault(text: "it is not the key of a service account (\"type\": \"service_account\")")
    }
    guard let email = object["client_email"]?.string, let pem = object["private_key"]?.string else {
      throw Fault(text: "it has no client_email or private_key")
    }
    let address = object["token_uri"]?.string ?? "https://oauth2.googleapis.com/token"
    guard address.hasPrefix("https://") || address.hasPrefix("http://127.0.0.1:") else {
      throw Fault(text: "its token_uri is not https")
    }
    do {
      key = try RSASigning.PrivateKey(pem: pem)
    } catch {
      throw Fault(text: "\(error)")
    }
    self.email = email
    keyID = object["private_key_id"]?.string
    tokenAddress = address
  }

  /// A signed statement that is exchanged for a token (RFC 7523).
  func assertion(scope: String, at moment: Timestamp) -> String {
    let start = moment.wholeSeconds.microseconds / 1_000_000
    var header: JSONValue = ["alg": "RS256", "typ": "JWT"]
    if let keyID { header["kid"] = .string(keyID) }
    let claims: JSONValue = [
      "iss": .string(email), "scope": .string(scope), "aud": .string(tokenAddress), "iat": .integer(start),
      "exp": .integer(start + 3600),
    ]
    let text = [header, claims].map { Base64.encode($0.serialized(), alphabet: .urlSafe) }.joined(separator: ".")
    return "\(text).\(Base64.encode(key.signature(for: Array(text.utf8)), alphabet: .urlSafe))"
  }
}
