import DeploymentKinds
import OfferPlanning
import ResourceModel
import Testing
import WireFormats

@Suite struct HealthWatchTests {
  private static let start = Timestamp(seconds: 1_800_000_000)
  private static let bad = HealthWatch.Look.unhealthy(message: "media 0/2 ready")

  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    /// Seconds after the deployment, and what is seen then.
    var looks: [(Int, HealthWatch.Look)]
    var minutes: Int = 10
    /// Of the last look; the others end in `watching`.
    var verdict: HealthWatch.Verdict
    var testDescription: String { name }
  }

  static let rows = [
    Row(name: "it is good to the end", looks: [(20, .healthy), (300, .healthy), (600, .healthy)], verdict: .passed),
    Row(name: "it goes on being good", looks: [(20, .healthy), (300, .healthy), (599, .healthy)], verdict: .watching),
    Row(
      name: "bad for a minute", looks: [(20, .healthy), (40, bad), (60, bad), (80, bad), (100, bad)],
      verdict: .unhealthy(message: "media 0/2 ready")),
    Row(name: "three looks within a minute", looks: [(40, bad), (60, bad), (80, bad)], verdict: .watching),
    Row(name: "a minute of two looks", looks: [(40, bad), (140, bad)], verdict: .watching),
    Row(
      name: "the third look after a minute", looks: [(40, bad), (140, bad), (160, bad)],
      verdict: .unhealthy(message: "media 0/2 ready")),
    Row(
      name: "a restart that is over", looks: [(40, bad), (60, bad), (80, .healthy), (100, bad), (120, bad)],
      verdict: .watching),
    Row(
      name: "restarts without end", looks: [(40, bad), (60, .starting), (80, bad), (100, .starting), (120, bad)],
      verdict: .unhealthy(message: "media 0/2 ready")),
    Row(name: "only starting", looks: [(40, .starting), (100, .starting), (300, .starting)], verdict: .watching),
    Row(
      name: "two processes look", looks: [(40, bad), (41, bad), (101, bad), (102, bad)], verdict: .watching),
    Row(name: "nobody says", looks: [(40, .unknown), (600, .unknown)], verdict: .unknown),
    Row(
      name: "nobody says after the beginning", looks: [(20, .healthy), (40, .unknown), (600, .unknown)],
      verdict: .unknown),
    Row(
      name: "nobody says for a moment", looks: [(420, .healthy), (440, .unknown), (600, .unknown)], verdict: .passed),
    Row(name: "starting to the end", looks: [(40, .starting), (600, .starting)], verdict: .unknown),
    Row(name: "it comes up late", looks: [(40, .starting), (580, .starting), (600, .healthy)], verdict: .passed),
    Row(
      name: "bad, and then nobody says for long", looks: [(40, bad), (100, .unknown), (700, .unknown)],
      verdict: .watching),
    Row(name: "nobody says for ever", looks: [(40, bad), (700, .unknown), (1_900, .unknown)], verdict: .unknown),
    Row(
      name: "good, then bad, and then nobody says for ever",
      looks: [(500, .healthy), (520, bad), (700, .unknown), (1_900, .unknown)], verdict: .unknown),
    Row(name: "something else runs", looks: [(40, bad), (60, .otherVersion)], verdict: .superseded),
    Row(
      name: "bad at the end is decided", looks: [(580, bad), (600, bad), (620, bad), (640, bad)],
      verdict: .unhealthy(message: "media 0/2 ready")),
    Row(name: "bad at the end and good again", looks: [(580, bad), (600, bad), (620, .healthy)], verdict: .passed),
    Row(name: "bad after the end", looks: [(20, .healthy), (580, .healthy), (601, bad)], verdict: .passed),
    Row(name: "seen again after the end, and bad", looks: [(20, .healthy), (601, bad)], verdict: .unknown),
    Row(name: "a shorter watch", looks: [(20, .healthy), (60, .healthy)], minutes: 1, verdict: .passed),
  ]

  @Test(arguments: rows) func whatGoesBadAndStaysSoIsFound(_ row: Row) {
    var watch = HealthWatch(startedAt: Self.start)
    for (index, (seconds, look)) in row.looks.enumerated() {
      let verdict = watch.note(look, at: Self.start + .seconds(seconds), length: .seconds(row.minutes * 60))
      #expect(verdict == (index + 1 < row.looks.count ? .watching : row.verdict), "after \(seconds) s")
    }
  }

  private static func status(_ value: Condition.Status?, _ reason: String = "") -> DesiredDeploymentStatus {
    let artifact = DesiredDeploymentSpec.Artifact(path: "a", sha256: "b")
    return DesiredDeploymentStatus(
      current: .init(
        version: "2.3.0", revision: 2, artifactSha256: "b", release: .init(version: "2.3.0", artifact: artifact),
        imageDigests: [:], since: start),
      conditions: value.map {
        [
          Condition(
            type: DeploymentCondition.healthy, status: $0, lastTransitionTime: start, reason: reason, message: "why")
        ]
      })
  }

  @Test func theRecordSaysHowTheReleaseIs() {
    func look(_ status: DesiredDeploymentStatus?, version: String = "2.3.0", isAgentThere: Bool = true)
      -> HealthWatch.Look
    { HealthWatch.Look(status, version: version, isAgentThere: isAgentThere) }
    #expect(look(Self.status(.isTrue, "Healthy")) == .healthy)
    #expect(look(Self.status(.isFalse, "WorkloadUnhealthy")) == .unhealthy(message: "why"))
    #expect(look(Self.status(.isFalse, "WorkloadStarting")) == .starting)
    // Another deployment is under way.
    #expect(look(Self.status(.unknown, "Deploying")) == .unknown)
    #expect(look(Self.status(nil)) == .unknown)
    #expect(look(Self.status(.isTrue, "Healthy"), version: "2.4.0") == .otherVersion)
    #expect(look(nil) == .unknown)
    // What an Agent that is away wrote is of the past.
    #expect(look(Self.status(.isFalse, "WorkloadUnhealthy"), isAgentThere: false) == .unknown)
  }
}
