import ArgumentParser
import FoundationEssentials
import Glibc
import Observability
import ProgramConfiguration
import Timing
import WireFormats

struct HealthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health", abstract: "Say whether the Agent that runs here is well.",
    discussion: """
      For the probes of a container. The running Agent says every ten seconds in WRKTALK_AGENT_HEALTH_FILE that it is \
      well. A server that is away is no illness of the Agent. Exit code 0 means that it is well, 1 that it is not.
      """)

  @Option(
    help: "How old the Agent's last sign of life may be.",
    transform: { text in
      guard let span = DurationText(text) else { throw ValidationError("a span of time is written as 60s or 2m") }
      return span.duration
    })
  var maxAge = Duration.seconds(60)

  func run() throws {
    let path: String
    do {
      path = try EnvironmentVariables.agent(ProcessInfo.processInfo.environment).healthFile(isRoot: geteuid() == 0)
    } catch {
      print(error)
      throw ExitCode.failure
    }
    let verdict = HealthVerdict(
      HealthFile(path: path).read(), now: SystemTime.now(), maximumAge: maxAge,
      // Without the right to signal a process there is one nevertheless.
      isAlive: { kill($0, 0) == 0 || errno == EPERM })
    if case .unwell(let sentence) = verdict {
      print(sentence)
      throw ExitCode.failure
    }
  }
}
