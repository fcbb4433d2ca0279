import Archives
import Cryptography
import HTTPTransport
import ResourceClient
import TestSupport
import Testing
import WireFormats

@testable import ControlCommands

/// Whatever a customer's programs wrote, no secret of theirs leaves in a support bundle.
@Suite struct SupportBundleTests {
  /// None may appear in a bundle, in no form.
  private static let secrets = [
    "hunter2hunter2", "s3cr3t-from-dotenv", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "wtk_abcdefghijklmnopqrstuvwxyz0123456789",
    "Zm9vYmFyYmF6cXV4", "AKIAIOSFODNN7EXAMPLE", "p%40ssw0rdInURL", "cookie-value-1234", "sas-signature-5678",
  ]

  private static let texts = [
    "postgresql://wrktalk:hunter2hunter2@db:5432/wrktalk",
    "https://user:p%40ssw0rdInURL@host/path?a=b",
    "Authorization: Bearer wtk_abcdefghijklmnopqrstuvwxyz0123456789",
    "{\"level\":\"info\",\"password\":\"hunter2hunter2\",\"msg\":\"x\"}",
    "{\"msg\":\"{\\\"clientSecret\\\": \\\"hunter2hunter2\\\"}\"}",
    "DB_PASSWORD=hunter2hunter2", "export API_KEY='hunter2hunter2'", "api-key: hunter2hunter2",
    "the value is s3cr3t-from-dotenv, and in a URL s3cr3t%2Dfrom-dotenv",
    "eyJhbGciOiJFZERTQSJ9.Zm9vYmFyYmF6cXV4.Zm9vYmFyYmF6cXV4",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\nafter",
    "key: -----BEGIN EC PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n-----END EC PRIVATE KEY-----\\n",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "aws AKIAIOSFODNN7EXAMPLE used", "Set-Cookie: cookie-value-1234; Path=/",
    "https://x.blob.core.windows.net/c?sv=1&sig=sas-signature-5678&se=2",
  ]

  private static let mask = SupportMask(values: ["s3cr3t-from-dotenv"])

  private static func check(_ text: String, _ comment: String = "") {
    for secret in secrets {
      #expect(!text.contains(secret), "\(secret) in \(comment)")
      #expect(!text.contains(Base64.encode(Array(secret.utf8))), "\(secret) in base64 in \(comment)")
    }
  }

  @Test(arguments: texts)
  func aTextGoesWithoutItsSecrets(text: String) { Self.check(Self.mask.masked(text), text) }

  @Test(arguments: [
    "Deployment v2.3.0 failed: the token bucket is empty", "2 of 3 passwordless logins", "tokens: true",
    "image ghcr.io/wrktalk/backend@sha256:0123456789abcdef", "https://gcc.wrktalk.com/api/v1/updates",
  ])
  func whatIsNoSecretStays(text: String) { #expect(Self.mask.masked(text) == text) }

  @Test func objectsGoWithoutWhatTheirNamesGiveAway() {
    let object: JSONValue = [
      "webhookSecret": "hunter2hunter2", "nested": ["apiKey": ["a": "hunter2hunter2"]], "isTokenValid": true,
      "newNonEssentialEnvs": [
        ["key": "SMTP_PASSWORD", "value": "hunter2hunter2"], ["key": "LOG_LEVEL", "value": "debug"],
      ],
      "env": [["name": "DB_PASSWORD", "value": "hunter2hunter2"]], "message": "DB_PASSWORD=hunter2hunter2 is wrong",
      "version": "2.3.0",
    ]
    let masked = Self.mask.masked(object)
    Self.check(masked.text)
    #expect(masked["version"] == "2.3.0" && masked["isTokenValid"] == true)
    #expect(masked["newNonEssentialEnvs"]?.array?[1]["value"] == "debug")
  }

  /// A server that answers everything with secrets.
  private func collected(_ body: (inout SupportCollector) async throws -> Void) async throws -> SupportBundle {
    let answer: JSONValue = [
      "kind": "List", "metadata": ["resourceVersion": "1"],
      "items": [
        [
          "metadata": ["name": "x"],
          "spec": ["token": "hunter2hunter2", "text": .string(Self.texts.joined(separator: "\n"))],
        ]
      ],
    ]
    let server = try LoopbackServer { request, connection in
      if request.target.hasPrefix("/api/admin/notices") {
        connection.respond(403, body: Array(#"{"error": "no: DB_PASSWORD=hunter2hunter2"}"#.utf8))
      } else if request.target == "/metrics" {
        connection.respond(200, body: Array(Self.texts.joined(separator: "\n").utf8))
      } else {
        connection.respond(200, body: answer.serialized())
      }
    }
    let http = HTTPClient(userAgent: "test")
    var collector = SupportCollector(
      client: ResourceClient(endpoint: APIEndpoint(server.url), http: http), namespace: "wrktalk",
      environment: ["PATH": "/nonexistent"], bundle: SupportBundle(mask: Self.mask))
    try await body(&collector)
    await http.shutdown()
    return collector.bundle
  }

  @Test func aBundleHoldsWhatThereIsAndSaysWhatIsMissing() async throws {
    let folder = try TemporaryFolder()
    let log = "\(folder.path)/agent.log"
    try folder.write("first line\n" + Self.texts.joined(separator: "\n"), to: "agent.log")
    let bundle = try await collected { collector in
      await collector.collectServer()
      collector.collect(logFile: log)
      collector.collect(logFile: "\(folder.path)/none.log")
      await collector.collect(container: "wrktalk-agent")
      await collector.collect(pod: "other/wrktalk-agent-0")
      await collector.collectTools()
    }
    let packed = try bundle.packed(folder: "bundle", at: Timestamp(seconds: 1_800_000_000))
    let archive = "\(folder.path)/bundle.tar.gz"
    try folder.write(packed, to: "bundle.tar.gz")
    try await ArchiveUnpacker.unpack(archive, into: "\(folder.path)/out")
    let names = [
      "README.txt", "versions.json", "records/records.json", "records/events.json", "records/leases.json",
      "server/deployments.json", "server/tasks.json", "server/metrics.txt", "server/readyz.txt",
      "logs/\(SupportCollector.fileName(log))",
    ]
    for name in names {
      let text = try folder.text(of: "out/bundle/\(name)")
      #expect(!text.isEmpty, "\(name)")
      Self.check(text, name)
    }
    #expect(try folder.text(of: "out/bundle/\(names.last ?? "")").hasPrefix("first line\n"))
    let readme = try folder.text(of: "out/bundle/README.txt")
    for missing in ["server/notices.json", "none.log", "container-wrktalk-agent", "pod-other_wrktalk-agent-0"] {
      #expect(readme.contains(missing), "\(missing)")
    }
    #expect(packed == (try bundle.packed(folder: "bundle", at: Timestamp(seconds: 1_800_000_000))))
  }

  @Test func aBundleIsBounded() throws {
    let limits = SupportBundle.Limits(fileBytes: 10_000, bytes: 30_000, files: 5)
    var bundle = SupportBundle(mask: Self.mask, limits: limits)
    let line = String(repeating: "x", count: 99) + "\n"
    bundle.add("logs/long", text: String(repeating: line, count: 110))
    bundle.add("logs/longest", text: "DB_PASSWORD=hunter2hunter2\n" + String(repeating: line, count: 1_000) + "end\n")
    for index in 0..<5 { bundle.add("records/\(index)", json: .string(String(repeating: "x", count: 4_000))) }
    #expect(bundle.files.allSatisfy { $0.content.count <= 10_000 })
    #expect(bundle.files.reduce(0) { $0 + $1.content.count } <= 30_000 && bundle.files.count <= 5)
    #expect(bundle.files.first?.content.count == 10_000)
    #expect(bundle.files[1].content.suffix(4) == Array("end\n".utf8)[...])
    #expect(bundle.problems.contains { $0.contains("the bundle is full") })
    #expect(bundle.problems.contains { $0.contains("logs/longest: only the last") })
  }

  /// A log that is cut in the midst of a key begins with the rest of it.
  @Test func aKeyWhoseBeginningIsMissingGoes() {
    let text = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\nafter"
    #expect(Self.mask.masked(text) == "***\nafter")
  }
}
