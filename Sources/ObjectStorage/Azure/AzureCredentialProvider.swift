import HTTPTransport
import WireFormats

/// Has what authorizes a request to Azure's storage ready, and keeps tokens fresh.
struct AzureCredentialProvider: Sendable {
  enum Authorization: Sendable {
    case key(SharedKeySignature)
    case token(String)
    case query(String)
  }

  private let credentials: AzureCredentials
  private let tokens: TemporaryCredentials<String>?

  init(_ credentials: AzureCredentials, bucket: String, access: StoreAccess) {
    self.credentials = credentials
    if case .identity(let identity) = credentials {
      let service = CredentialService(what: "a token from \(identity.origin)", bucket: bucket, access: access)
      tokens = TemporaryCredentials(now: access.now) { () async throws(ObjectStorageError) in
        try await service.azureToken(identity)
      }
    } else {
      tokens = nil
    }
  }

  func current() async throws(ObjectStorageError) -> Authorization {
    switch credentials {
    case .sharedKey(let account, let key): return .key(SharedKeySignature(account: account, key: key))
    case .sharedAccessSignature(let query): return .query(query)
    case .identity:
      guard let tokens else { preconditionFailure("an identity has tokens") }
      return .token(try await tokens.value())
    }
  }

  func renew() async -> Bool { await tokens?.renew() ?? false }

  /// That must be in every address.
  var query: String? {
    if case .sharedAccessSignature(let query) = credentials { query } else { nil }
  }

  /// What to do where the store does not know them.
  var remedy: String {
    switch credentials {
    case .sharedKey: "correct AccountName and AccountKey in AZURE_CONNECTION_STRING"
    case .sharedAccessSignature:
      "the SharedAccessSignature in AZURE_CONNECTION_STRING has expired or is wrong; make a new one"
    case .identity(let identity): "check \(identity.origin)"
    }
  }

  /// What to do where they are good, and not for this.
  var permissionRemedy: String {
    switch credentials {
    case .sharedKey: "check the account's firewall and policies"
    case .sharedAccessSignature:
      "the SharedAccessSignature needs the permissions read, write, delete and list on the container"
    case .identity(let identity): "give \(identity.origin) the role Storage Blob Data Contributor"
    }
  }
}

extension CredentialService {
  private static var resource: String { "https://storage.azure.com/" }

  fileprivate func azureToken(
    _ identity: AzureIdentity
  ) async throws(ObjectStorageError) -> TemporaryCredentials<String>.Issue {
    let response: HTTPResponse
    switch identity {
    case .workload(let tokenFile, let tenant, let client, let authority):
      let token = try await token(inFile: tokenFile)
      response = try await ask(
        "POST", "\(authority)/\(PercentEncoding.encode(tenant))/oauth2/v2.0/token",
        form: [
          ("grant_type", "client_credentials"), ("client_id", client),
          ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
          ("client_assertion", token), ("scope", Self.resource + ".default"),
        ])
    case .appService(let endpoint, let secret, let client):
      response = try await ask(
        "GET", Self.address(endpoint, version: "2019-08-01", client), headers: [("X-IDENTITY-HEADER", secret)])
    case .instance(let endpoint, let client):
      let address = Self.address("\(endpoint)/metadata/identity/oauth2/token", version: "2018-02-01", client)
      do throws(ObjectStorageError) {
        response = try await ask("GET", address, headers: [("Metadata", "true")])
      } catch {
        throw ObjectStorageError(
          code: error.code, bucket: bucket,
          detail: "\(error.detail); where this is no machine with a managed identity, set AZURE_CONNECTION_STRING")
      }
    }
    return try issue(response)
  }

  private static func address(_ endpoint: String, version: String, _ client: String?) -> String {
    var query = [("api-version", version), ("resource", resource)]
    if let client { query.append(("client_id", client)) }
    return "\(endpoint)?\(RequestSignature.queryText(query))"
  }

  private func issue(_ response: HTTPResponse) throws(ObjectStorageError) -> TemporaryCredentials<String>.Issue {
    guard response.isSuccess else {
      throw failure(
        .accessDenied, "the service refuses; check that the identity exists and is assigned, and AZURE_CLIENT_ID",
        response, says: StatusMeaning.word(Self.object(response)?["error"]?.string))
    }
    return try tokenIssue(response)
  }

  /// Reads `access_token` and when it expires (RFC 6749 §5.1, and Azure's `expires_on`).
  func tokenIssue(_ response: HTTPResponse) throws(ObjectStorageError) -> TemporaryCredentials<String>.Issue {
    let object = Self.object(response)
    func seconds(_ name: String) -> Int64? {
      object?[name]?.integer ?? object?[name]?.string.flatMap { Int64($0) }
    }
    let expires =
      seconds("expires_on").map { Timestamp(seconds: $0) }
      ?? seconds("expires_in").map { access.now() + .seconds(min(max($0, 0), 86_400 * 7)) }
    guard let token = object?["access_token"]?.string, !token.isEmpty,
      token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let expires
    else { throw failure(.refused, "the answer does not hold a token and when it expires") }
    return TemporaryCredentials.Issue(value: token, expires: expires)
  }
}
