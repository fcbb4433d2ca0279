import HTTPTransport
import Synchronization
import TestSupport
import Testing
import Timing
import WireFormats

@testable import ObjectStorage

/// The places that AWS's own clients get keys from, each as its service behaves.
@Suite struct S3CredentialTests {
  private let http = HTTPClient(userAgent: "wrktalk-test/1")
  private let moment = Timestamp(seconds: 1_800_000_000)

  private func provider(_ source: S3CredentialSource, attempts: Int = 1) -> S3CredentialProvider {
    S3CredentialProvider(
      source, bucket: "customer-wrktalk",
      access: StoreAccess(http: http, attempts: attempts, backoff: Backoff(base: .zero), now: { moment }))
  }

  private static let keys = Array(
    """
    {"Code": "Success", "AccessKeyId": "ASIA", "SecretAccessKey": "the-secret", "Token": "the-session", \
    "Expiration": "2030-01-01T00:00:00Z"}
    """.utf8)

  private static let temporary = S3Credentials(
    accessKeyID: "ASIA", secretAccessKey: "the-secret", sessionToken: "the-session")

  @Test func webIdentityIsExchangedForTheKeysOfARole() async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("token-1\n", to: "token")
    let forms = Mutex<[String]>([])
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      forms.withLock { $0.append(String(decoding: request.body, as: UTF8.self)) }
      guard request.method == "POST", request.target == "/", request.headers["authorization"] == nil else {
        _ = connection.respond(400)
        return
      }
      let answer = """
        <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
          <AssumeRoleWithWebIdentityResult><Credentials><SessionToken>the-session</SessionToken>
          <SecretAccessKey>the-secret</SecretAccessKey><Expiration>2030-01-01T00:00:00Z</Expiration>
          <AccessKeyId>ASIA</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>
        </AssumeRoleWithWebIdentityResponse>
        """
      connection.respond(200, body: Array(answer.utf8))
    }
    let source = S3CredentialSource.webIdentity(
      tokenFile: file, role: "arn:aws:iam::1:role/agent", session: "wrktalk", endpoint: server.url)
    #expect(try await provider(source).current() == Self.temporary)
    // The file is read again each time.
    try folder.write("token-2\n", to: "token")
    #expect(try await provider(source).current() == Self.temporary)
    let form =
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fagent"
      + "&RoleSessionName=wrktalk&WebIdentityToken=token-"
    #expect(forms.withLock { $0 } == [form + "1", form + "2"])
  }

  @Test(arguments: [
    (400, "ExpiredTokenException", ObjectStorageError.Code.accessDenied, "has expired"),
    (400, "InvalidIdentityToken", .accessDenied, "does not accept the token"),
    (403, "AccessDenied", .accessDenied, "does not trust"), (400, "IDPCommunicationError", .unreachable, "refuses"),
    (503, "ServiceUnavailable", .unreachable, "overloaded"), (302, "", .accessDenied, "refuses"),
  ])
  func refusalOfTheTokenServiceIsExplained(
    status: Int, code: String, expected: ObjectStorageError.Code, words: String
  ) async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("the-token", to: "token")
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      let body = "<ErrorResponse><Error><Type>Sender</Type><Code>\(code)</Code></Error></ErrorResponse>"
      connection.respond(status, headers: ["Location: http://127.0.0.1:1/"], body: Array(body.utf8))
    }
    let source = S3CredentialSource.webIdentity(
      tokenFile: file, role: "arn:aws:iam::1:role/agent", session: "wrktalk", endpoint: server.url)
    let error = await #expect(throws: ObjectStorageError.self) { try await provider(source).current() }
    #expect(error?.code == expected)
    #expect(error?.detail.contains(words) == true, "\(error?.detail ?? "")")
    #expect(error?.description.contains("the-token") == false)
  }

  @Test func containersProveThemselvesByAToken() async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("proof-in-a-file", to: "token")
    let asked = Mutex<[String]>([])
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      asked.withLock { $0.append("\(request.target) \(request.headers["authorization"] ?? "")") }
      connection.respond(200, body: Self.keys)
    }
    for authorization in [nil, .token("proof"), .file(path: file)] as [S3CredentialSource.ContainerAuthorization?] {
      let source = S3CredentialSource.container(url: "\(server.url)/v1/credentials", authorization: authorization)
      #expect(try await provider(source).current() == Self.temporary)
      #expect(!String(reflecting: source).contains("proof\""))
    }
    #expect(
      asked.withLock { $0 } == [
        "/v1/credentials ", "/v1/credentials proof", "/v1/credentials proof-in-a-file",
      ])
  }

  @Test func instanceIsAskedInASessionOnly() async throws {
    let server = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      switch (request.method, request.target, request.headers["x-aws-ec2-metadata-token"]) {
      case ("PUT", "/latest/api/token", nil):
        connection.respond(200, body: Array("session".utf8))
      case ("GET", "/latest/meta-data/iam/security-credentials/", "session"?):
        connection.respond(200, body: Array("agent-role\n".utf8))
      case ("GET", "/latest/meta-data/iam/security-credentials/agent-role", "session"?):
        connection.respond(200, body: Self.keys)
      default: connection.respond(401)
      }
    }
    #expect(try await provider(.instance(endpoint: server.url)).current() == Self.temporary)
  }

  @Test func machineWithoutMetadataIsToldWhatToSet() async throws {
    let error = await #expect(throws: ObjectStorageError.self) {
      try await provider(.instance(endpoint: "http://127.0.0.1:1")).current()
    }
    #expect(error?.code == .unreachable)
    #expect(error?.detail.contains("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") == true)
  }

  @Test(arguments: [
    "", "{}", "[]", "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"S\"}", "{\"Code\": \"Failed\"}",
    String(repeating: "[", count: 10_000),
    "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"S\", \"Token\": \"T\", \"Expiration\": \"tomorrow\"}",
  ])
  func answersThatHoldNoKeysAreRefused(body: String) async throws {
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      connection.respond(200, body: Array(body.utf8))
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await provider(.container(url: server.url, authorization: nil)).current()
    }
    #expect([.refused, .accessDenied].contains(error?.code))
  }

  @Test func answerWithoutEndIsCutOff() async throws {
    let server = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
      while connection.write([UInt8](repeating: 0x20, count: 64 << 10)) {}
    }
    let error = await #expect(throws: ObjectStorageError.self) {
      try await provider(.container(url: server.url, authorization: nil)).current()
    }
    #expect(error?.code == .tooLarge)
  }

  /// A store that knows only newer keys: they are fetched, and the same request goes through.
  @Test func keysThatTheStoreRefusesAreFetchedAnew() async throws {
    let issued = RequestCounter()
    let service = try LoopbackServer { (_: ServerRequest, connection: ServerConnection) in
      let text = String(decoding: Self.keys, as: UTF8.self)
      connection.respond(200, body: Array(text.replacing("ASIA", with: "ASIA\(issued.increment())").utf8))
    }
    let store = try LoopbackServer { (request: ServerRequest, connection: ServerConnection) in
      let isNew = request.headers["authorization"]?.contains("Credential=ASIA2/") == true
      if isNew {
        connection.respond(200, body: [1, 2, 3])
      } else {
        connection.respond(400, body: Array("<Error><Code>ExpiredToken</Code></Error>".utf8))
      }
    }
    let clock = Mutex(moment)
    let bucket = S3Bucket(
      name: "artifacts", region: "us-east-1", endpoint: store.url,
      credentials: .container(url: service.url, authorization: nil),
      access: StoreAccess(http: http, now: { clock.withLock { $0 } }))
    let fresh = await #expect(throws: ObjectStorageError.self) { try await bucket.get("key", maximumBytes: 10) }
    // Fresh ones are not thrown away: another try would be refused as well.
    #expect(fresh?.code == .accessDenied)
    #expect(issued.value == 1)
    clock.withLock { $0 = $0 + .seconds(600) }
    #expect(try await bucket.get("key", maximumBytes: 10) == [1, 2, 3])
    #expect(issued.value == 2)
  }
}
