import Access
import Database
import FoundationEssentials
import HTTPService
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import ResourceModel
import ResourceServer
import ResourceStorage
import WireFormats

@testable import Accounts
@testable import Backend

/// The Backend's front without a socket: what it answers to a request, and who may do what.
struct BackendFront: Sendable {
  /// A name that only TLS is spoken under.
  static let host = "tower.example.com"
  static let password = "correct horse battery"

  let front: ServiceFront
  /// Method and path of every route beside the resource API; what stands for a value is `{…}`.
  let routes: [(method: HTTPRequest.Method, path: String)]

  init(
    _ fixture: BackendFixture, authenticator: any Authenticator = RoleNames(),
    openRequests: ServiceConfiguration.Allowance = .init(rate: 10_000, burst: 10_000)
  ) {
    var service = BackendParts.adapted(ServiceConfiguration())
    service.openRequests = openRequests
    let parts = fixture.parts
    let router = Router(context: ServiceContext.self)
    parts.addRoutes(to: router)
    routes = router.routes.map { ($0.method, "\($0.path)") }
    let api = ResourceAPI(
      registry: ResourceRegistry(BackendKinds.definitions), store: fixture.store, policy: BackendAccess.policy,
      configuration: ResourceAPI.Configuration(), now: parts.now, makeUID: parts.makeID)
    front = ServiceFront(
      configuration: service, authenticator: authenticator, sessions: parts.people.sessions,
      policy: BackendAccess.policy,
      isReady: { true },
      addRoutes: { router in
        api.addRoutes(to: router)
        parts.addRoutes(to: router)
      })
  }

  /// Every role's name is a token.
  struct RoleNames: Authenticator {
    func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
      BackendAccess.policy.definition(Role(rawValue: token)).map {
        Identity(name: "the-\(token)", roles: [$0.role], tenant: token == "agent" ? "wrktalk" : nil)
      }
    }
  }

  /// What a browser keeps of its cookies and its page's memory.
  struct Browser: Sendable {
    var cookies: [String: String] = [:]
    var headerToken: String?
    var host = BackendFront.host
    var origin: String? = "https://\(BackendFront.host)"

    mutating func take(_ answer: Answer) {
      for field in answer.cookies {
        let pair = (field.split(separator: ";").first ?? "").split(
          separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        cookies[String(pair[0])] = pair[1].isEmpty ? nil : String(pair[1])
      }
      headerToken = answer.json["headerToken"]?.string ?? headerToken
    }

    var session: String? { cookies["__Host-wrktalk"] }
  }

  struct Answer: Sendable {
    var status: Int
    var headers: HTTPFields
    var body: [UInt8]

    var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
    var error: String { json["error"]?.string ?? "" }
    var cookies: [String] { headers[values: .setCookie] }
    var retryAfter: Int? { HTTPField.Name("Retry-After").flatMap { headers[$0] }.flatMap { Int($0) } }
  }

  // MARK: Sending

  func send(
    _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil, token: String? = nil,
    browser: Browser? = nil, headers: [(String, String)] = []
  ) async throws -> Answer {
    try await send(
      method, path, bytes: body?.serialized() ?? [], token: token, browser: browser, headers: headers)
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8], token: String? = nil, browser: Browser? = nil,
    headers: [(String, String)] = []
  ) async throws -> Answer {
    try await send(
      method, path, body: RequestBody(buffer: ByteBuffer(bytes: bytes)), isJSON: !bytes.isEmpty, token: token,
      browser: browser, headers: headers)
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, body: RequestBody, isJSON: Bool, token: String? = nil,
    browser: Browser? = nil, headers: [(String, String)] = []
  ) async throws -> Answer {
    var head = HTTPRequest(method: method, scheme: "http", authority: browser?.host ?? "localhost", path: path)
    if let token { head.headerFields[.authorization] = "Bearer \(token)" }
    if isJSON { head.headerFields[.contentType] = "application/json" }
    if let browser {
      let cookies = browser.cookies.map { "\($0.key)=\($0.value)" }.sorted()
      if !cookies.isEmpty { head.headerFields[.cookie] = cookies.joined(separator: "; ") }
      if method != .get, let name = HTTPField.Name("Origin") { head.headerFields[name] = browser.origin }
      if let name = HTTPField.Name(SessionRule.headerTokenName) { head.headerFields[name] = browser.headerToken }
    }
    for (name, value) in headers { if let name = HTTPField.Name(name) { head.headerFields[name] = value } }
    let request = Request(head: head, body: body)
    let context = ServiceContext(
      source: ApplicationRequestContextSource(
        channel: NIOAsyncTestingChannel(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    let response = try await front.respond(to: request, context: context)
    let collected = Collected()
    try await response.body.write(collected)
    return Answer(status: response.status.code, headers: response.headers, body: await collected.bytes.value)
  }

  private actor Bytes {
    var value: [UInt8] = []
    func append(_ buffer: ByteBuffer) { value += Array(buffer.readableBytesView) }
  }

  private struct Collected: ResponseBodyWriter {
    let bytes = Bytes()
    mutating func write(_ buffer: ByteBuffer) async throws { await bytes.append(buffer) }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }

  func signIn(
    _ email: String, _ password: String = password, browser: Browser = Browser(),
    headers: [(String, String)] = []
  ) async throws -> Answer {
    try await send(
      .post, "/api/admin/session", ["email": .string(email), "password": .string(password)], browser: browser,
      headers: headers)
  }

  /// A browser in which that person is signed in.
  func browser(
    _ email: String, _ role: Role = .admin, in fixture: BackendFixture
  ) async throws -> Browser {
    try await fixture.addAccount(email, role)
    var browser = Browser()
    browser.take(try await signIn(email))
    return browser
  }
}

extension BackendFixture {
  @discardableResult
  func addAccount(_ email: String, _ role: Role = .admin) async throws -> AdminAccount {
    try await parts.people.accounts.create(
      AccountRequest(email: email, name: "", role: role, hasPassword: true), password: BackendFront.password,
      by: AuditActor(name: "test")
    ).account
  }

  /// Actions of the audit, in their order.
  func audited() async throws -> [String] {
    try await query("SELECT action FROM audit_entry ORDER BY sequence").compactMap { $0[0].text }
  }
}
