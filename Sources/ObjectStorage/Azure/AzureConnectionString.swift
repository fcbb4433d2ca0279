import Cryptography

/// What Azure's portal calls a connection string: `Name=value;Name=value`. Names compare without regard to case.
struct AzureConnectionString {
  /// Of the blob service: `https://account.blob.core.windows.net`, or with a path where the account is named by one. Without a
  /// slash at its end.
  let endpoint: String
  /// Nil where there is neither a key nor a signature, for an identity.
  let credentials: AzureCredentials?

  /// What is wrong; never holds a value.
  struct Fault: Error { let text: String }

  /// The account of every emulator, and its key, which is no secret.
  private static let emulator = (
    account: "devstoreaccount1", endpoint: "http://127.0.0.1:10000/devstoreaccount1",
    key: "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
  )

  init(_ text: String) throws(Fault) {
    var values: [String: String] = [:]
    for part in text.split(separator: ";") {
      guard let equals = part.firstIndex(of: "=") else {
        throw Fault(text: "must be Name=value pairs with semicolons between them, as Azure's portal shows it")
      }
      let name = part[..<equals].filter { !$0.isWhitespace }.lowercased()
      let value = String(part[part.index(after: equals)...])
      if !value.isEmpty { values[name] = value }
    }
    if values["usedevelopmentstorage"]?.lowercased() == "true" {
      values["accountname"] = Self.emulator.account
      values["accountkey"] = Self.emulator.key
      values["blobendpoint"] = values["blobendpoint"] ?? Self.emulator.endpoint
    }
    endpoint = try Self.endpoint(values)
    credentials = try Self.credentials(values, endpoint)
  }

  private static func endpoint(_ values: [String: String]) throws(Fault) -> String {
    if let endpoint = values["blobendpoint"] {
      guard let endpoint = HTTPEndpoint.normalized(endpoint) else {
        throw Fault(text: "has a BlobEndpoint that is not http:// or https:// with a host and perhaps a path")
      }
      return endpoint
    }
    guard let account = values["accountname"] else { throw Fault(text: "has neither AccountName nor BlobEndpoint") }
    guard Self.isAccount(account) else {
      throw Fault(text: "has an AccountName that is not 3 to 24 lower-case letters and digits")
    }
    let text = "\(values["defaultendpointsprotocol"] ?? "https")://\(account).blob."
    guard let endpoint = HTTPEndpoint.normalized(text + (values["endpointsuffix"] ?? "core.windows.net")) else {
      throw Fault(text: "has a wrong DefaultEndpointsProtocol or EndpointSuffix")
    }
    return endpoint
  }

  private static func credentials(
    _ values: [String: String], _ endpoint: String
  ) throws(Fault) -> AzureCredentials? {
    if let text = values["accountkey"] {
      guard let account = values["accountname"] else { throw Fault(text: "has an AccountKey and no AccountName") }
      guard let key = Base64.decode(text), !key.isEmpty else {
        throw Fault(text: "has an AccountKey that is not base 64")
      }
      return .sharedKey(account: account, key: key)
    }
    guard let text = values["sharedaccesssignature"] else { return nil }
    let query = text.hasPrefix("?") ? String(text.dropFirst()) : text
    guard query.split(separator: "&").contains(where: { $0.hasPrefix("sig=") }),
      query.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") })
    else { throw Fault(text: "has a SharedAccessSignature that is not a query with a sig") }
    // Unlike a key, it travels as it is.
    guard HTTPEndpoint.isPrivate(endpoint) else {
      throw Fault(text: "would have the SharedAccessSignature travel without TLS: use an https:// BlobEndpoint")
    }
    return .sharedAccessSignature(query)
  }

  static func isAccount(_ text: String) -> Bool {
    (3...24).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
      }
  }
}
