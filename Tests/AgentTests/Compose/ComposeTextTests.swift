import DeploymentPlanning
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
    let values = EnvironmentFile.values(
      in: """
        # PASSWORD=commented-out
        REGISTRY=127.0.0.1:5000
        PASSWORD=hunter2
        LONGER='hunter2-and-more'
        QUOTED="with space" # note
        BARE= trimmed # note
        PIN=42
        """)
    let mask = SecretMask(values: values, publicTexts: ["127.0.0.1:5000/wrktalk/backend:v1"])
    #expect(
      mask.masked("127.0.0.1:5000: hunter2-and-more, hunter2; with space; trimmed; 42")
        == "127.0.0.1:5000: ***, ***; ***; ***; 42")
  }

  /// Quoted values go over several lines, and hold escapes; a key in PEM is told line by line.
  @Test func settingsOfSeveralLinesAreMaskedLineByLine() {
    let values = EnvironmentFile.values(
      in: #"""
        KEY="-----BEGIN KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQ
        short
        -----END KEY-----"
        ESCAPED="first line of it\nsecond line \"of\" it"
        SINGLE='it\'s a pass phrase' # note
        OPEN="never closed
        AFTER=still-seen
        """#)
    #expect(values.last == "still-seen")
    let mask = SecretMask(values: values)
    #expect(
      mask.masked("bad key: MIIEvQIBADANBgkqhkiG9w0BAQ, of three lines, short") == "bad key: ***, of three lines, short"
    )
    #expect(mask.masked("1: first line of it 2: second line \"of\" it") == "1: *** 2: ***")
    #expect(mask.masked("it's a pass phrase; never closed; still-seen") == "***; ***; ***")
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
