import Cryptography
import Synchronization
import TestSupport
import Testing
import WireFormats

/// The vendor's commands against a server that answers as a test wants it to.
@Suite struct FleetCommandTests {
  /// Answers by method and path, and keeps what was asked.
  private final class Vendor: Sendable {
    struct Answer {
      var status = 200
      var body: JSONValue
    }

    let requests = Mutex<[ServerRequest]>([])
    let answers: Mutex<[String: Answer]>

    init(_ answers: [String: Answer]) { self.answers = Mutex(answers) }

    func handle(_ request: ServerRequest, _ connection: ServerConnection) {
      requests.withLock { $0.append(request) }
      let path = request.target.prefix { $0 != "?" }
      let answer = answers.withLock { $0["\(request.method) \(path)"] }
      if let answer {
        connection.respond(answer.status, headers: ["Content-Type: application/json"], body: answer.body.serialized())
      } else {
        connection.respond(404, body: JSONValue.object(["error": "nothing is there"]).serialized())
      }
    }

    func body(_ method: String, _ path: String) -> JSONValue? {
      requests.withLock { $0.last { $0.method == method && $0.target.hasPrefix(path) } }
        .flatMap { try? JSONValue(parsing: $0.body) }
    }

    var count: Int { requests.withLock(\.count) }
  }

  private struct Setting {
    let desk: SigningDesk
    let server: LoopbackServer
    let vendor: Vendor

    init(_ answers: [String: Vendor.Answer]) throws {
      let vendor = Vendor(answers)
      self.vendor = vendor
      server = try LoopbackServer { vendor.handle($0, $1) }
      var desk = try SigningDesk()
      desk.environment["WRKTALK_SERVER"] = server.url
      desk.environment["WRKTALK_TOKEN"] = "token"
      self.desk = desk
    }
  }

  private static let organizations = "/apis/deploy.wrktalk.com/v1/organizations"
  private static let rollouts = "/apis/deploy.wrktalk.com/v1/rollouts"

  // MARK: release

  @Test func aReleaseIsUploadedAndCreatedAsADraft() async throws {
    let chart = "the chart\r\n--not a boundary--\r\n"
    let digest = SHA256.digest(of: chart).hexadecimal
    let setting = try Setting([
      "POST /api/internal/artifacts": .init(
        body: ["id": "a", "bucketPath": "charts/helm/x.tgz", "sha256": .string(digest), "sizeBytes": 1]),
      "POST /api/internal/releases": .init(body: ["id": "r", "version": "2.3.0", "status": "draft"]),
    ])
    try setting.desk.folder.write(chart, to: "wrktalk-2.3.0.tgz")
    try setting.desk.folder.write("Bug fixes\n", to: "NOTES.md")
    let answer = try await setting.desk.run(
      "release", "create", "--version", "v2.3.0", "--helm", "wrktalk-2.3.0.tgz", "--backend-tag", "b1", "--notes-file",
      "NOTES.md", "--setting", "A=b=c", "--min-version", "2.0.0", "--forced")
    #expect(answer.code == 0, "\(answer.errors)")
    #expect(answer.output == "release.deploy.wrktalk.com/2.3.0 draft\n")
    #expect(answer.errors.contains("Uploaded wrktalk-2.3.0.tgz: 31 bytes, sha256 \(digest)"), "\(answer.errors)")

    let upload = try #require(setting.vendor.requests.withLock { $0.first })
    let form = String(decoding: upload.body, as: UTF8.self)
    #expect(upload.headers["authorization"] == "Bearer token")
    let boundary = try #require(upload.headers["content-type"]?.split(separator: "=").last)
    #expect(form.contains("name=\"type\"\r\n\r\nhelm\r\n--\(boundary)"))
    #expect(form.contains("name=\"version\"\r\n\r\n2.3.0\r\n--\(boundary)"))
    #expect(form.hasSuffix("\r\n\r\n\(chart)\r\n--\(boundary)--\r\n"))
    let body = setting.vendor.body("POST", "/api/internal/releases")
    #expect(body?["version"] == "2.3.0" && body?["isForced"] == true && body?["minCurrentVersion"] == "2.0.0")
    #expect(body?["releaseNotes"] == "Bug fixes\n" && body?["imageTags"]?["backend"] == "b1")
    #expect(body?["newNonEssentialEnvs"] == [["key": "A", "value": "b=c"]])
  }

  @Test func whatTheServerStoredOtherwiseIsNoRelease() async throws {
    let setting = try Setting([
      "POST /api/internal/artifacts": .init(body: ["sha256": .string(String(repeating: "0", count: 64))])
    ])
    try setting.desk.folder.write("bytes", to: "c.tgz")
    try await setting.desk.fail(
      "stored c.tgz with the digest 0000", "release", "create", "--version", "2.3.0", "--helm", "c.tgz")
    #expect(setting.vendor.count == 1)
  }

  @Test(
    arguments: [
      (["--version", "2.3.0"], 64, "give --helm, --compose or both"),
      (["--version", "2.3.0+b1", "--helm", "c.tgz"], 64, "must have no build metadata"),
      (["--version", "new", "--helm", "c.tgz"], 64, "must be a semantic version"),
      (
        ["--version", "2.3.0", "--helm", "c.tgz", "--min-version", "2.4.0"], 64,
        "must be below the release itself, 2.3.0"
      ),
      (["--version", "2.3.0", "--bogus"], 64, "Unknown option '--bogus'"),
      (["--version", "2.3.0", "--helm", "absent.tgz"], 1, "absent.tgz cannot be read"),
      (
        ["--version", "2.3.0", "--helm", "c.tgz", "--backend-tag", "${TAG}"], 64,
        "--backend-tag must be the tag of an image, such as sha-abc123, not \"${TAG}\""
      ),
      (["--version", "2.3.0", "--helm", "c.tgz", "--manifest", "unsigned.json"], 1, "that nobody has signed"),
      (
        ["--version", "2.3.0", "--helm", "c.tgz", "--setting", "A=1", "--setting", "A=2"], 64, "--setting names A twice"
      ),
    ] as [([String], Int32, String)])
  func aReleaseThatCannotBeIsRefusedBeforeAnythingIsSent(arguments: [String], code: Int32, reason: String) async throws
  {
    let setting = try Setting([:])
    try setting.desk.folder.write("bytes", to: "c.tgz")
    try setting.desk.writeManifest("unsigned.json")
    let answer = try await setting.desk.run(["release", "create"] + arguments)
    #expect(answer.code == code && answer.errors.contains(reason), "\(answer.errors)")
    #expect(setting.vendor.count == 0)
  }

  @Test func aServersRefusalIsSaidInItsWords() async throws {
    let setting = try Setting([
      "POST /api/internal/artifacts": .init(status: 409, body: ["error": "2.3.0 is published and never changes"]),
      "POST /api/internal/releases/2.3.0/publish": .init(status: 409, body: ["error": "it has no artifact"]),
    ])
    try setting.desk.folder.write("bytes", to: "c.tgz")
    try await setting.desk.fail(
      "c.tgz was not uploaded: 2.3.0 is published and never changes", "release", "create", "--version", "2.3.0",
      "--helm",
      "c.tgz")
    try await setting.desk.fail("it has no artifact", "release", "publish", "2.3.0")
    try await setting.desk.fail("\"new\" is not a version", code: 64, "release", "withdraw", "new")
  }

  @Test(arguments: ["publish", "deprecate", "withdraw"]) func aReleaseIsNamedByItsVersion(action: String) async throws {
    let setting = try Setting([
      "POST /api/internal/releases/2.3.0-rc.1/\(action)": .init(
        body: ["id": "r", "version": "2.3.0-rc.1", "status": "published"])
    ])
    for name in ["2.3.0-rc.1", "v2.3.0-rc.1", "release/2.3.0-rc.1"] {
      #expect(
        try await setting.desk.succeed("release", action, name) == "release.deploy.wrktalk.com/2.3.0-rc.1 published\n")
    }
  }

  // MARK: rollout

  private static let file = """
    apiVersion: deploy.wrktalk.com/v1
    kind: Rollout
    metadata: {name: spring}
    spec:
      release: 2.3.0
      stages:
        - {name: canary, count: 1}
        - {name: everyone}
    """

  private static func list(_ items: [JSONValue]) -> Vendor.Answer {
    .init(
      body: [
        "apiVersion": "deploy.wrktalk.com/v1", "kind": "RolloutList", "metadata": ["resourceVersion": "7"],
        "items": .array(items),
      ])
  }

  @Test func startingARolloutShowsThePlanThenAppliesIt() async throws {
    let setting = try Setting([
      "POST /api/internal/rollouts/plan": .init(
        body: [
          "stages": [
            ["name": "canary", "members": 1, "organizations": ["acme"], "blocked": []],
            ["name": "everyone", "members": 0, "organizations": [], "blocked": []],
          ]
        ]),
      "POST \(Self.rollouts)": .init(status: 201, body: RolloutSamples.object()),
    ])
    try setting.desk.folder.write(Self.file, to: "rollout.yaml")
    let output = try await setting.desk.succeed("rollout", "start", "-f", "rollout.yaml")
    #expect(output.hasPrefix("spring: release 2.3.0 for 1 customer in 2 stages\nSTAGE"))
    #expect(output.hasSuffix("\nrollout.deploy.wrktalk.com/spring created\n"))
    #expect(setting.vendor.body("POST", Self.rollouts)?["spec"]?["release"] == "2.3.0")
  }

  @Test func onlyOneRolloutIsStartedAtATime() async throws {
    let setting = try Setting([:])
    try setting.desk.folder.write(Self.file + "\n---\n" + Self.file, to: "two.yaml")
    try await setting.desk.fail("must declare one Rollout and nothing else", "rollout", "plan", "-f", "two.yaml")
    try setting.desk.folder.write("kind: [", to: "broken.yaml")
    try await setting.desk.fail("broken.yaml:2:1", "rollout", "plan", "-f", "broken.yaml")
    #expect(setting.vendor.count == 0)
  }

  @Test(
    arguments: [
      ("Completed", 0, ""), ("Halted", 1, "rollout.deploy.wrktalk.com/spring halted: 6 failed"),
      ("Paused", 124, "did not end within 1s; it is Paused: 6 failed"),
    ] as [(String, Int32, String)])
  func aPipelineLearnsHowARolloutEnds(phase: String, code: Int32, reason: String) async throws {
    let setting = try Setting([
      "GET \(Self.rollouts)": Self.list([RolloutSamples.object(phase: phase, reason: "6 failed")])
    ])
    let answer = try await setting.desk.run("rollout", "status", "rollout/spring", "--watch", "--timeout", "1s")
    #expect(answer.code == code, "\(answer.errors)")
    #expect(answer.errors.contains(reason))
    #expect(answer.output.contains("stage canary: Passed, 9 of 10 reported: 9 healthy, 1 offline\n"))
  }

  /// A pipeline whose last line this is must not be green where the release failed and nothing was there to halt it.
  @Test func failuresThatNoGateJudgedAreAFailure() async throws {
    var object = RolloutSamples.object(phase: "Completed", reason: "")
    object["spec"]?["stages"] = [
      ["name": "canary", "count": 10], ["name": "early", "percent": 25], ["name": "everyone"],
    ]
    let setting = try Setting(["GET \(Self.rollouts)": Self.list([object])])
    let answer = try await setting.desk.run("rollout", "status", "spring", "--watch", "--timeout", "1s")
    #expect(answer.code == 1)
    #expect(answer.errors.contains("with 3 failed in stages whose gate does not say how many may"), "\(answer.errors)")
  }

  @Test func whatIsMisspeltIsNotPlanned() async throws {
    let setting = try Setting([:])
    try setting.desk.folder.write(
      Self.file.replacing("count: 1}", with: "count: 1, gate: {maxFailurePercent: 5}}"), to: "rollout.yaml")
    let answer = try await setting.desk.run("rollout", "plan", "-f", "rollout.yaml")
    #expect(answer.code == 1 && answer.errors.contains("did you mean \"maxFailuresPercent\""), "\(answer.errors)")
    #expect(answer.errors.contains("rollout.yaml:7:"), "\(answer.errors)")
    try setting.desk.folder.write(Self.file.replacing("count: 1", with: "percent: 110"), to: "much.yaml")
    try await setting.desk.fail("must be between 1 and 100", "rollout", "plan", "-f", "much.yaml")
    #expect(setting.vendor.count == 0)
  }

  @Test func aRolloutThatIsNotThereIsNamed() async throws {
    let setting = try Setting(["GET \(Self.rollouts)": Self.list([])])
    try await setting.desk.fail(
      "rollout.deploy.wrktalk.com/spring does not exist", "rollout", "status", "spring", "--watch")
    try await setting.desk.fail(
      "--timeout only works with --watch", code: 64, "rollout", "status", "spring", "--timeout", "1s")
    try await setting.desk.fail("\"dd/x\" is not a rollout", code: 64, "rollout", "pause", "dd/x")
  }

  @Test func aRolloutIsPausedHaltedApprovedAndTriedAgain() async throws {
    let setting = try Setting([
      "GET \(Self.rollouts)/spring": .init(body: RolloutSamples.object()),
      "PATCH \(Self.rollouts)/spring": .init(body: RolloutSamples.object()),
    ])
    let reference = "rollout.deploy.wrktalk.com/spring"
    #expect(try await setting.desk.succeed("rollout", "pause", "spring") == "\(reference): paused\n")
    #expect(setting.vendor.body("PATCH", Self.rollouts) == ["spec": ["state": "Paused"]])
    _ = try await setting.desk.succeed("rollout", "halt", "spring", "--offer-previous")
    #expect(setting.vendor.body("PATCH", Self.rollouts)?["spec"] == ["state": "Halted", "onHalt": "OfferPrevious"])
    #expect(
      try await setting.desk.succeed("rollout", "approve", "spring", "canary")
        == "\(reference): stage canary approved\n")
    #expect(
      setting.vendor.body("PATCH", Self.rollouts)
        == ["metadata": ["resourceVersion": "7"], "spec": ["approvedStages": ["canary"]]])
    #expect(
      try await setting.desk.succeed("rollout", "retry", "spring")
        == "\(reference): 3 customers that failed are offered 2.3.0 once more\n")
  }

  // MARK: fleet, org

  @Test func theFleetIsCounted() async throws {
    let setting = try Setting([
      "GET /api/internal/fleet/summary": .init(
        body: ["organizations": 1, "health": ["Online": 1], "versions": [], "escalations": ["open": 0]]),
      "GET /api/internal/releases/2.3.0/failures": .init(
        body: ["release": "2.3.0", "reported": 4, "failed": 0, "groups": []]),
    ])
    #expect(try await setting.desk.succeed("fleet", "status").contains("Online   1               100.0%"))
    #expect(try await setting.desk.succeed("fleet", "failures", "2.3.0").contains("none of 4 customers"))
    let json = try await setting.desk.succeed("fleet", "status", "-o", "json")
    #expect(try JSONValue(parsing: json)["organizations"] == 1)
  }

  @Test func aCustomerIsMadeAndGetsAKey() async throws {
    let setting = try Setting([
      "POST \(Self.organizations)": .init(
        status: 201, body: ["kind": "Organization", "metadata": ["name": "acme", "resourceVersion": "1"]]),
      "POST /api/internal/organizations/acme/keys": .init(
        body: ["id": "k1", "key": "secret-key", "organization": "acme", "createdAt": "2027-01-01T00:00:00Z"]),
      "GET /api/internal/organizations/acme/keys": .init(body: ["keys": []]),
      "DELETE /api/internal/organizations/acme/keys/k1": .init(body: .object([:])),
      "PUT /api/internal/organizations/acme/webhook-secret": .init(body: ["secret": "s3cret"]),
    ])
    let created = try await setting.desk.run(
      "org", "create", "acme", "--type", "docker", "--webhook", "https://acme.example.com/hook", "--label", "tier=gold",
      "--spoc-name", "Ada")
    #expect(created.output == "organization.deploy.wrktalk.com/acme created\n", "\(created.errors)")
    #expect(created.errors.contains("wrktalkctl org key create acme"))
    let body = setting.vendor.body("POST", Self.organizations)
    #expect(
      body?["spec"]
        == [
          "deploymentType": "Docker", "webhookEndpoint": "https://acme.example.com/hook",
          "contacts": ["spocName": "Ada"],
        ])
    #expect(body?["metadata"]?["labels"] == ["tier": "gold"])

    let key = try await setting.desk.run("org", "key", "create", "organization/acme")
    #expect(key.output == "secret-key\n" && key.errors.contains("Key k1 of acme."))
    #expect(try await setting.desk.run("org", "key", "list", "acme").errors.contains("acme has no key."))
    #expect(try await setting.desk.succeed("org", "key", "revoke", "acme", "k1") == "key k1 of acme revoked\n")
    let secret = try await setting.desk.run("org", "webhook-secret", "acme")
    #expect(secret.output == "s3cret\n" && secret.errors.contains("signs nothing any more"), "\(secret.errors)")
    try setting.desk.folder.write("mine\n", to: "secret")
    _ = try await setting.desk.succeed("org", "webhook-secret", "acme", "--secret-file", "secret")
    #expect(setting.vendor.body("PUT", "/api/internal") == ["secret": "mine"])
  }

  @Test func whoDeletesACustomerLearnsWhatGoesWithIt() async throws {
    let setting = try Setting([
      "GET /api/internal/organizations/acme/keys": .init(body: ["keys": [["id": "k1"], ["id": "k2"]]]),
      "GET /api/internal/organizations/acme/licenses": .init(body: ["licenses": [["id": "l1"]]]),
      "DELETE \(Self.organizations)/acme": .init(body: ["kind": "Status", "status": "Success"]),
    ])
    let planned = try await setting.desk.run("delete", "org", "acme", "--dry-run", "server")
    #expect(planned.code == 0 && planned.errors.contains("With it would go 2 keys and 1 licence."), "\(planned.errors)")
    let deleted = try await setting.desk.run("delete", "org/acme", "--no-wait")
    #expect(deleted.errors.contains("With it went 2 keys and 1 licence."), "\(deleted.errors)")
  }

  @Test(
    arguments: [
      (["fleet", "list"], "Did you mean wrktalkctl get organizations?"),
      (["rollout", "list"], "Did you mean wrktalkctl get rollouts?"),
      (["org", "show", "acme"], "Did you mean wrktalkctl describe organization/NAME?"),
      (["release", "delete", "2.3.0"], "Did you mean wrktalkctl delete release/NAME?"),
      (["fleet", "statsu"], "Did you mean wrktalkctl fleet status?"),
      (["org", "key", "lst", "acme"], "Did you mean wrktalkctl org key list?"),
      (["rolout", "status"], "Did you mean wrktalkctl rollout?"),
      (["fleet", "everything"], "There are: status, failures"),
    ] as [([String], String)])
  func aCommandThatThereIsNotIsAnsweredWithOneThatThereIs(arguments: [String], hint: String) async throws {
    let answer = try await SigningDesk().run(arguments)
    #expect(answer.code == 64 && answer.errors.contains(hint), "\(answer.errors)")
  }

  /// Each of them is a command, or asks for help.
  @Test(arguments: [
    ["help"], ["help", "fleet"], ["fleet", "--help"], ["--version"], ["org", "key", "list", "--help"],
  ])
  func whatIsACommandIsNotTakenForAnUnknownOne(arguments: [String]) async throws {
    let answer = try await SigningDesk().run(arguments)
    #expect(answer.code == 0 && !answer.output.isEmpty, "\(answer.errors)")
  }

  @Test func aWordInThePluralNamesItsKind() async throws {
    let setting = try Setting([
      "GET \(Self.organizations)": .init(
        body: ["kind": "OrganizationList", "metadata": ["resourceVersion": "7"], "items": .array([])])
    ])
    for word in ["orgs", "org", "organizations"] {
      #expect(try await setting.desk.run("get", word, "-o", "json").code == 0, "\(word)")
    }
  }

  @Test func ofACustomerThatIsKnownOnlyWhatIsGivenChanges() async throws {
    let present: JSONValue = [
      "apiVersion": "deploy.wrktalk.com/v1", "kind": "Organization",
      "metadata": ["name": "acme", "uid": "u", "resourceVersion": "1", "labels": ["tier": "canary"]],
      "spec": [
        "deploymentType": "Docker", "webhookEndpoint": "https://old.example.com/hook", "contacts": ["spocName": "Ada"],
      ],
    ]
    let setting = try Setting([
      "GET \(Self.organizations)/acme": .init(body: present),
      "PATCH \(Self.organizations)/acme": .init(body: present),
    ])
    _ = try await setting.desk.succeed(
      "org", "create", "acme", "--webhook", "https://new.example.com/hook", "--label", "region=eu", "--spoc-phone", "1")
    let body = setting.vendor.body("PATCH", Self.organizations)
    // What is not in the patch stays; nothing in it removes anything.
    #expect(body?["spec"]?["webhookEndpoint"] == "https://new.example.com/hook")
    #expect(body?["metadata"]?["labels"]?["region"] == "eu")
    #expect(body?["spec"]?["contacts"]?["spocPhone"] == "1")
    #expect(body?["spec"]?["deploymentType"] == nil && body?["metadata"]?["labels"]?["tier"] == nil)
    let text = String(decoding: (body ?? [:]).serialized(), as: UTF8.self)
    #expect(!text.replacing("\\\"", with: "").contains(":null"), "\(text)")
  }

  /// A conflict that is not that of two writers says itself what to do.
  @Test(arguments: [
    ("the organization \"acme\" has 2 keys already: revoke the one that is not used any more first", false),
    (
      "Operation cannot be fulfilled on organizations \"acme\": the object has been modified; please apply your changes to "
        + "the latest version and try again", true
    ),
  ])
  func onlyWhoWasOvertakenIsToldToTryAgain(message: String, isOvertaken: Bool) async throws {
    let setting = try Setting([
      "POST /api/internal/organizations/acme/keys": .init(status: 409, body: ["error": .string(message)])
    ])
    let answer = try await setting.desk.run("org", "key", "create", "acme")
    #expect(answer.code == 1 && answer.errors.contains(message), "\(answer.errors)")
    #expect(answer.errors.contains("run the command again") == isOvertaken, "\(answer.errors)")
  }

  @Test func aServerThatDoesNotServeAKindIsNamed() async throws {
    let setting = try Setting([
      "GET /apis/deploy.wrktalk.com/v1/namespaces/wrktalk/desireddeployments": .init(
        status: 404,
        body: [
          "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404,
          "message": "the server could not find the requested resource",
        ])
    ])
    let answer = try await setting.desk.run("get", "dd", "-n", "wrktalk")
    #expect(answer.code == 1 && answer.errors.contains("\(setting.server.url) does not serve this"), "\(answer.errors)")
    #expect(answer.errors.contains("use-context"))
  }

  /// A pipeline that forgot one must not go on without a manifest.
  @Test(arguments: ["--product", "--version", "--sequence"])
  func eachOptionThatAManifestNeedsIsDemanded(option: String) async throws {
    let setting = try Setting([:])
    try setting.desk.folder.write("bytes", to: "b.tgz")
    let all = [("--product", "wrktalk"), ("--version", "1.0.0"), ("--sequence", "1")]
    let given = all.filter { $0.0 != option }.flatMap { [$0.0, $0.1] }
    let answer = try await setting.desk.run(["release", "manifest", "--bundle", "b.tgz", "-o", "m.json"] + given)
    #expect(answer.code == 64 && answer.errors.contains(option) && answer.output.isEmpty, "\(answer.errors)")
  }

  @Test func theProgramSaysItsVersion() async throws {
    let setting = try Setting([:])
    let version = try await setting.desk.succeed("--version")
    #expect(version.contains("."))
    #expect(try await setting.desk.succeed("version", "--client").contains(version.split(separator: "\n")[0]))
  }

  @Test(arguments: [
    (["org", "create", "Acme"], "cannot be the name of an organization"),
    (["org", "create", "acme", "--webhook", "acme.example.com"], "--webhook must be a URL"),
    (["org", "create", "acme", "--license-expires", "soon"], "--license-expires must be a time"),
    (["org", "key", "list", "dd/acme"], "is not an organization"),
    (["simulate", "fleet", "--organizations", "100001"], "must be from 1 to 100000"),
    (["simulate", "fleet", "-N", "1", "--offline", "200%"], "--offline"),
    (["simulate", "fleet", "-N", "1", "--every", "often"], "--every=often is not a span of time"),
    (["simulate", "fleet", "-N", "1", "--listen", "here"], "--listen=here is not an address"),
  ])
  func whatMakesNoSenseIsAWrongCommandLine(arguments: [String], reason: String) async throws {
    let setting = try Setting([:])
    let answer = try await setting.desk.run(arguments)
    #expect(answer.code == 64 && answer.errors.contains(reason), "\(answer.errors)")
    #expect(setting.vendor.count == 0)
  }

  // MARK: objects

  @Test func theVendorsKindsAreKnownByTheirNamesAndAreNoBusinessOfAClusters() async throws {
    let setting = try Setting([
      "GET \(Self.organizations)": .init(
        body: [
          "kind": "List", "metadata": ["resourceVersion": "1"], "items": [["metadata": ["name": "acme"]]],
        ])
    ])
    for name in ["org", "organizations", "Organization"] {
      #expect(
        try await setting.desk.succeed("get", name, "-o", "name") == "organization.deploy.wrktalk.com/acme\n")
    }
    #expect(try await !setting.desk.succeed("crds").contains("kind: Rollout\n"))
    #expect(try await setting.desk.succeed("crds", "--fleet").contains("kind: Rollout\n"))
  }
}
