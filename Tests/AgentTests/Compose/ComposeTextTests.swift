import ComposeBundles
import DeploymentPlanning
import ReleaseManifest
import Testing
import WireFormats

@testable import Agent

/// What is read out of the words of the engine, of Compose and of settings.
@Suite struct ComposeTextTests {
  typealias State = EngineContainer.State
  typealias Health = EngineContainer.Health

  @Test(
    arguments: [
      ("running", "Up 3 seconds (healthy)", .running, .healthy, .seconds(3)),
      ("running", "Up Less than a second (health: starting)", .running, .starting, .zero),
      ("running", "Up 1 second", .running, .none, .seconds(1)),
      ("running", "Up 59 seconds (unhealthy)", .running, .unhealthy, .seconds(59)),
      ("running", "Up About a minute", .running, .none, .seconds(60)),
      ("running", "Up 2 days (healthy)", .running, .healthy, .seconds(60)),
      ("paused", "Up 2 minutes (Paused)", .paused, .none, nil),
      ("created", "Created", .created, .none, nil),
      ("restarting", "Restarting (1) 2 seconds ago", .restarting, .none, nil),
      ("exited", "Exited (137) 3 hours ago", .exited(code: 137), .none, nil),
      ("exited", "Exited (0) Less than a second ago", .exited(code: 0), .none, nil),
      ("removing", "Removal In Progress", .dead, .none, nil),
      ("dead", "Dead", .dead, .none, nil),
    ] as [(String, String, State, Health, Duration?)])
  func listTellsStateHealthAndUptime(word: String, text: String, state: State, health: Health, uptime: Duration?) {
    let status = ContainerStatusText(state: word, status: text)
    #expect(status.state == state)
    #expect(status.health == health)
    #expect(status.uptime == uptime)
  }

  @Test func logStreamsAreJoinedInTheOrderWritten() {
    let bytes: [UInt8] =
      [1, 0, 0, 0, 0, 0, 0, 4] + Array("out\n".utf8) + [2, 0, 0, 0, 0, 0, 0, 4] + Array("err\n".utf8)
    #expect(EngineLog.demultiplexed(bytes) == Array("out\nerr\n".utf8))
  }

  @Test func logFrameThatIsCutGivesWhatIsThere() {
    let bytes: [UInt8] = [1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF] + Array("begin".utf8)
    #expect(EngineLog.demultiplexed(bytes) == Array("begin".utf8))
    #expect(EngineLog.demultiplexed([1, 0, 0]) == [])
    #expect(EngineLog.demultiplexed([]) == [])
  }

  @Test func logWithoutFramesIsKept() {
    #expect(EngineLog.demultiplexed(Array("plain terminal text".utf8)) == Array("plain terminal text".utf8))
  }

  @Test func logTailIsPlainAndBounded() {
    let log = "one\ntwo \u{1B}[31mred\u{1B}[0m\n\n50%\r100%\n\u{7}bell\u{0}\n"
    #expect(EngineLog.tail(Array(log.utf8), lines: 3, characters: 100) == "two red\n100%\nbell")
    #expect(EngineLog.tail(Array(repeating: 0x61, count: 5000), lines: 3, characters: 10) == "…aaaaaaaaaa")
  }

  @Test(
    arguments: [
      ("nginx", "nginx", nil, nil),
      ("nginx:1.25", "nginx", "1.25", nil),
      ("127.0.0.1:5000/wrktalk/backend:v1", "127.0.0.1:5000/wrktalk/backend", "v1", nil),
      ("localhost:5000/a", "localhost:5000/a", nil, nil),
      ("ghcr.io/w/b:v1@sha256:ab", "ghcr.io/w/b", "v1", "sha256:ab"),
      ("ghcr.io/w/b@sha256:ab", "ghcr.io/w/b", nil, "sha256:ab"),
    ] as [(String, String, String?, String?)])
  func imageReferencesAreTakenApart(text: String, repository: String, tag: String?, digest: String?) {
    let reference = ImageReference(text)
    #expect(reference.repository == repository)
    #expect(reference.tag == tag)
    #expect(reference.digest == digest)
    #expect(reference.description == text)
  }

  @Test(arguments: [
    ("nginx:1.25", ["nginx@sha256:aa"], "nginx:1.25@sha256:aa"),
    ("docker.io/library/nginx", ["nginx@sha256:aa"], "docker.io/library/nginx:latest@sha256:aa"),
    ("r:5000/b:v1", ["other@sha256:bb", "r:5000/b@sha256:aa"], "r:5000/b:v1@sha256:aa"),
    ("r:5000/b:v1", ["other@sha256:bb"], "sha256:id"),
    ("local:x", [], "sha256:id"),
    ("r/b:v1@sha256:cc", ["r/b@sha256:aa"], "r/b:v1@sha256:cc"),
  ])
  func imagesAreFixedToTheDigestOfTheirOwnRepository(text: String, digests: [String], pinned: String) {
    #expect(ImageReference(text).pinned(to: EngineImage(id: "sha256:id", repoDigests: digests)) == pinned)
  }

  @Test func imageTagsAreGivenInBothSpellings() {
    #expect(
      ImageTagVariables.variables(for: ["backend": "a", "controlTower": "b", "control-plane": "c"]) == [
        "BACKEND_IMAGE_TAG": "a", "CONTROLTOWER_IMAGE_TAG": "b", "CONTROL_TOWER_IMAGE_TAG": "b",
        "CONTROL_PLANE_IMAGE_TAG": "c",
      ])
  }

  @Test func settingsAreMaskedButForWhatIsPublicAnyway() {
    let values = EnvironmentFile(
      """
      # PASSWORD=commented-out
      REGISTRY=127.0.0.1:5000
      PASSWORD=hunter2
      LONGER='hunter2-and-more'
      QUOTED="with space" # note
      BARE= trimmed-it # note
      PIN=42
      """
    ).secrets
    let mask = SecretMask(values: values, publicTexts: ["127.0.0.1:5000/wrktalk/backend:v1"])
    #expect(
      mask.masked("127.0.0.1:5000: hunter2-and-more, hunter2; with space; trimmed-it; 42")
        == "127.0.0.1:5000: ***, ***; ***; ***; 42")
  }

  /// Quoted values go over several lines, and hold escapes; a key in PEM is told line by line.
  @Test func settingsOfSeveralLinesAreMaskedLineByLine() {
    let values = EnvironmentFile(
      #"""
      KEY="-----BEGIN KEY-----
      MIIEvQIBADANBgkqhkiG9w0BAQ
      short
      -----END KEY-----"
      ESCAPED="first line of it\nsecond line \"of\" it"
      SINGLE='it\'s a pass phrase' # note
      OPEN="never closed
      AFTER=still-seen
      """#
    ).secrets
    #expect(values.contains("still-seen"))
    let mask = SecretMask(values: values)
    #expect(
      mask.masked("bad key: MIIEvQIBADANBgkqhkiG9w0BAQ, of three lines, short") == "bad key: ***, of three lines, short"
    )
    #expect(mask.masked("1: first line of it 2: second line \"of\" it") == "1: *** 2: ***")
    #expect(mask.masked("it's a pass phrase; never closed; still-seen") == "***; ***; ***")
  }

  /// What Compose refuses, and what is no line of settings at all, is secret too.
  @Test(arguments: [
    ("DB_PASSWORD: hunter2-secret", "hunter2-secret"),
    ("export API_TOKEN=hunter2-secret", "hunter2-secret"),
    ("KEY=-----BEGIN KEY-----\nMIIEab+c/d\nlastline==\n-----END KEY-----", "MIIEab+c/d lastline=="),
    ("PW=correct\nbattery!staple#42", "battery!staple#42"),
    ("{\"private_key_id\": \"ab12cd34ef\",", "ab12cd34ef"),
    ("PASSWORD=production", "production"),
    ("COUNT=482913", "482913"),
  ])
  func malformedSettingsAreMaskedToo(settings: String, shown: String) {
    let mask = SecretMask(values: EnvironmentFile(settings).secrets)
    #expect(mask.masked(shown) == shown.split(separator: " ").map { _ in "***" }.joined(separator: " "))
    for isLittleEndian in [true, false] {
      let mark: [UInt16] = [0xFEFF]
      let bytes = (mark + Array(settings.utf16)).flatMap { unit in
        let pair = [UInt8(unit & 0xFF), UInt8(unit >> 8)]
        return isLittleEndian ? pair : pair.reversed()
      }
      let file = EnvironmentFile(bytes)
      #expect(file.problem?.contains("UTF-16") == true)
      #expect(file.secrets == EnvironmentFile(settings).secrets)
    }
  }

  @Test func ordinaryWordsAreNotMasked() {
    let file = EnvironmentFile("LOG_LEVEL=error\nNODE_ENV=production\nDEBUG=true\nPORT=8080\nDB_USER=postgres\n")
    let text = "level=error database postgres is not in production mode; true cause: port 8080"
    #expect(SecretMask(values: file.secrets).masked(text) == text)
  }

  @Test func settingsComeBeforeTheAgentsOwnEnvironment() {
    let variables = ComposeEnvironment.variables(
      agent: ["PATH": "/bin", "TZ": "UTC", "LANG": "C", "HTTP_PROXY": "p"],
      settings: EnvironmentFile("TZ=Europe/Berlin\nHTTP_PROXY=\nPATH=/nowhere\nBACKEND_IMAGE_TAG=old"),
      imageTags: ["backend": "v1"], endpoint: "unix:///e", folder: "/w/p/bundle")
    #expect(
      variables == [
        "PATH": "/bin", "LANG": "C", "BACKEND_IMAGE_TAG": "v1", "DOCKER_HOST": "unix:///e", "PWD": "/w/p/bundle",
        "COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false", "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "false",
      ])
  }

  @Test func warningsAreSaidInWordsWithoutPartsOfPasswords() {
    let settings = EnvironmentFile("DB_PASSWORD=pa$sw0rd#1\nSAFE='a$quoted'\n")
    let output = """
      time="2026-01-01T00:00:00Z" level=warning msg="The \\"sw0rd\\" variable is not set. Defaulting to a blank string."
      time="2026-01-01T00:00:00Z" level=warning msg="The \\"TAG\\" variable is not set. Defaulting to a blank string."
      time="2026-01-01T00:00:00Z" level=warning msg="The \\"TAG\\" variable is not set. Defaulting to a blank string."
      time="2026-01-01T00:00:00Z" level=warning msg="/x/docker-compose.yml: `version` is obsolete"
      time="2026-01-01T00:00:00Z" level=warning msg="secret \\"x\\" is odd"
      """
    #expect(
      ComposeWarnings.texts(in: output, settings: settings, mask: SecretMask(values: settings.secrets)) == [
        "The value of DB_PASSWORD in the settings holds a $ that Compose takes for the beginning of a variable; put the "
          + "value in single quotes, or write $$",
        "TAG is set nowhere and counts as blank", "secret \"x\" is odd",
      ])
  }

  @Test func servicesOfAResolvedFileAreRead() throws {
    let file = try JSONValue(
      parsing: """
        {"services": {
          "web": {"image": "web:1", "restart": "unless-stopped",
                  "depends_on": {"migrate": {"condition": "service_completed_successfully"}}},
          "migrate": {"image": "web:1"}, "seed": {"image": "web:1", "restart": "no"},
          "retry": {"image": "web:1", "restart": "on-failure:3"}, "many": {"image": "web:1", "deploy": {"replicas": 3}},
          "built": {"build": {"context": "."}}}}
        """)
    let services = ComposeService.services(of: file)
    #expect(services.map(\.name) == ["built", "many", "migrate", "retry", "seed", "web"])
    #expect(services.map(\.restart) == [.unspecified, .unspecified, .unspecified, .onFailure, .never, .always])
    #expect(services.map(\.replicas) == [1, 3, 1, 1, 1, 1])
    #expect(services.filter(\.isAwaitedToComplete).map(\.name) == ["migrate"])
    #expect(services.filter { $0.image == nil }.map(\.name) == ["built"])
  }

  @Test(
    arguments: [
      ("unix:///var/run/docker.sock", "/var/run/docker.sock"), ("tcp://127.0.0.1:2375", nil), ("unix://relative", nil),
      ("", nil),
    ] as [(String, String?)])
  func engineIsReachedOverUnixSocketsOnly(host: String, path: String?) {
    #expect(DockerEndpoint(host: host)?.socketPath == path)
  }

  @Test func engineVersionsCompareAsNumbers() throws {
    #expect(try #require(EngineVersion("1.9")) < #require(EngineVersion("1.41")))
    #expect(EngineVersion("one") == nil)
  }
}
