import ArgumentParser
import ResourceClient
import Timing
import WireFormats

struct DeploymentList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the releases that wait, are scheduled, and were deployed, newest first.")

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let session = try connection.session()
    let answer = try await session.releases()
    switch output {
    case .text: try session.console.write(answer.text(now: SystemTime.now()))
    case .yaml, .json: try session.console.write(answer.answer, as: output)
    }
  }
}

extension Session {
  /// What the Backend has of releases.
  func releases() async throws(CommandFailure) -> ReleaseOverview {
    let client = client
    return ReleaseOverview(
      answer: try await request { () async throws(ResourceClientError) in try await client.get(path: AdminPath.releases)
      })
  }

  /// Says so where what was asked for waits for an Agent.
  func noteAbsence(now: Timestamp) async {
    guard let absence = try? await releases().absence(now: now) else { return }
    console.note(absence)
  }
}
