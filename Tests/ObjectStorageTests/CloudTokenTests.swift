import Cryptography
import FoundationEssentials
import HTTPTransport
import Synchronization
import TestSupport
import Testing
import Timing
import WireFormats

@testable import ObjectStorage

/// Tokens of Azure's identities and of Google's service accounts, each from a service that behaves as theirs.
@Suite struct CloudTokenTests {
  private let http = HTTPClient(userAgent: "wrktalk-test/1")

  private var access: StoreAccess { StoreAccess(http: http, attempts: 1, backoff: Backoff(base: .zero)) }

  private static let answer = Array("{\"access_token\": \"the-token\", \"expires_in\": 3600}".utf8)

  private func azureToken(_ identity: AzureIdentity) async throws -> String? {
    let provider = AzureCredentialProvider(.identity(identity), bucket: "customer-wrktalk", access: access)
    guard case .token(let token) = try await provider.current() else { return nil }
    return token
  }

  @Test func workloadIdentityIsExchangedForAToken() async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("federated", to: "token")
    let asked = Mutex<[String]>([])
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      asked.withLock {
        $0.append("\(request.method) \(request.target) \(String(decoding: request.body, as: UTF8.self))")
      }
      connection.respond(200, body: Self.answer)
    }
    let token = try await azureToken(
      .workload(tokenFile: file, tenant: "tenant-1", client: "client-1", authority: server.url))
    #expect(token == "the-token")
    #expect(
      asked.withLock { $0 } == [
        "POST /tenant-1/oauth2/v2.0/token grant_type=client_credentials&client_id=client-1&client_assertion_type="
          + "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=federated"
          + "&scope=https%3A%2F%2Fstorage.azure.com%2F.default"
      ])
  }

  @Test func serviceOfAzureIsAskedWithItsSecret() async throws {
    let asked = Mutex<[String]>([])
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      asked.withLock { $0.append("\(request.target) \(request.headers["x-identity-header"] ?? "")") }
      connection.respond(200, body: Self.answer)
    }
    let identity = AzureIdentity.appService(endpoint: "\(server.url)/msi/token", secret: "proof", client: "client-1")
    #expect(try await azureToken(identity) == "the-token")
    #expect(
      asked.withLock { $0 } == [
        "/msi/token?api-version=2019-08-01&client_id=client-1&resource=https%3A%2F%2Fstorage.azure.com%2F proof"
      ])
    #expect(!String(reflecting: identity).contains("proof"))
  }

  @Test func machineWithoutIdentityIsToldWhatToSet() async throws {
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      connection.respond(400, body: Array("{\"error\": \"invalid_request\"}".utf8))
    }
    let refused = await #expect(throws: ObjectStorageError.self) {
      try await azureToken(.instance(endpoint: server.url, client: nil))
    }
    #expect(refused?.code == .accessDenied)
    #expect(refused?.detail.contains("invalid_request") == true)
    let silent = await #expect(throws: ObjectStorageError.self) {
      try await azureToken(.instance(endpoint: "http://127.0.0.1:1", client: nil))
    }
    #expect(silent?.code == .unreachable)
    #expect(silent?.detail.contains("set AZURE_CONNECTION_STRING") == true)
  }

  // MARK: Google

  private func googleToken(_ source: GoogleCredentials) async throws -> String? {
    try await GoogleCredentialProvider(source, bucket: "customer-wrktalk", access: access).current()
  }

  /// The key of the vectors.
  private func serviceAccount(tokenAddress: String) throws -> JSONValue {
    let path = "\(Testbed.repository)/Tests/Fixtures/buckets/vectors.json"
    let file = try JSONValue(parsing: Array(try Data(contentsOf: URL(filePath: path))))
    var account = try #require(file["google"]?["serviceAccount"])
    account["token_uri"] = .string(tokenAddress)
    return account
  }

  @Test func serviceAccountIsExchangedForAToken() async throws {
    let forms = Mutex<[String]>([])
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      forms.withLock { $0.append(String(decoding: request.body, as: UTF8.self)) }
      connection.respond(200, body: Self.answer)
    }
    let folder = try TemporaryFolder()
    let account = try serviceAccount(tokenAddress: "\(server.url)/token")
    let file = try folder.write(String(decoding: account.serialized(), as: UTF8.self), to: "key.json")
    #expect(try await googleToken(.serviceAccount(file: file)) == "the-token")
    let form = try #require(forms.withLock { $0.first })
    #expect(form.hasPrefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey"))
    let claims = form.split(separator: "=").last.map { $0.split(separator: ".") } ?? []
    #expect(claims.count == 3)
  }

  @Test(arguments: [
    ("", "not valid JSON"), ("{\"type\": \"authorized_user\"}", "not the key of a service account"),
    ("{\"type\": \"service_account\", \"client_email\": \"a@b\"}", "no client_email or private_key"),
    (
      "{\"type\": \"service_account\", \"client_email\": \"a@b\", \"private_key\": \"the-secret\"}", "unencrypted PEM"
    ),
    (
      "{\"type\": \"service_account\", \"client_email\": \"a@b\", \"private_key\": \"the-secret\", "
        + "\"token_uri\": \"http://evil.example.com/\"}", "not https"
    ),
  ])
  func fileThatIsNoServiceAccountIsNamed(content: String, words: String) async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(content, to: "key.json")
    let error = await #expect(throws: ObjectStorageError.self) { try await googleToken(.serviceAccount(file: file)) }
    #expect(error?.code == .fileUnusable)
    #expect(error?.detail.contains("GCS_CREDENTIALS_FILE") == true && error?.detail.contains(file) == true)
    #expect(error?.detail.contains(words) == true, "\(error?.detail ?? "")")
    #expect(error?.detail.contains("the-secret") == false)
  }

  @Test func keyThatGoogleRefusesIsToBeReplaced() async throws {
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      connection.respond(
        400, body: Array("{\"error\": \"invalid_grant\", \"error_description\": \"Invalid JWT Signature.\"}".utf8))
    }
    let folder = try TemporaryFolder()
    let account = try serviceAccount(tokenAddress: server.url)
    let file = try folder.write(String(decoding: account.serialized(), as: UTF8.self), to: "key.json")
    let error = await #expect(throws: ObjectStorageError.self) { try await googleToken(.serviceAccount(file: file)) }
    #expect(error?.code == .accessDenied)
    #expect(error?.detail.contains("make a new one") == true && error?.detail.contains("invalid_grant") == true)
  }

  @Test func onlyTheMetadataServerIsBelieved() async throws {
    let isGoogle = Mutex(true)
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      guard request.headers["metadata-flavor"] == "Google",
        request.target == "/computeMetadata/v1/instance/service-accounts/default/token"
      else {
        _ = connection.respond(403)
        return
      }
      connection.respond(200, headers: isGoogle.withLock { $0 } ? ["Metadata-Flavor: Google"] : [], body: Self.answer)
    }
    #expect(try await googleToken(.metadata(endpoint: server.url)) == "the-token")
    isGoogle.withLock { $0 = false }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await googleToken(.metadata(endpoint: server.url))
    }
    #expect(error?.code == .accessDenied)
  }

  @Test func emulatorIsToldNothing() async throws {
    #expect(try await googleToken(.anonymous) == nil)
  }
}
