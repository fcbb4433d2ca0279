import ArgumentParser
import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Timing
import WireFormats

struct DiffCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Show what applying files would change, and what the Agent would then do.",
    discussion:
      "The server checks the change and fills in defaults, but stores nothing. Exit codes: 0 no difference, 1 there are "
      + "differences, 2 a failure.")

  @OptionGroup var manifests: ManifestOptions
  @OptionGroup var applying: ApplyOptions
  @OptionGroup var connection: ConnectionOptions

  /// As with `diff` and `kubectl diff`: 1 says that there are differences.
  private static let failureExitCode: Int32 = 2

  func run() async throws {
    do {
      try await compare()
    } catch var failure as CommandFailure {
      if failure.exitCode == CommandFailure.generalExitCode { failure.exitCode = Self.failureExitCode }
      throw failure
    }
  }

  private func compare() async throws {
    let session = try connection.session()
    let reading = manifests.read(session)
    var failures = FailureCount()
    for failure in reading.failures { failures.add(failure, session.console) }
    let writer = ManifestWriter(client: session.client, server: session.server, method: applying.method)
    var differs = false
    for manifest in reading.manifests {
      do throws(CommandFailure) {
        let written = try await writer.apply(manifest, isDryRun: true)
        let text = Self.render(manifest.reference, written, now: SystemTime.now(), console: session.console)
        differs = differs || !text.isEmpty
        try session.console.write(text)
      } catch {
        failures.add(error, session.console)
      }
    }
    try failures.end(exitCode: Self.failureExitCode)
    if differs { throw ExitCode(1) }
  }

  /// - Returns: an empty text where nothing would change.
  static func render(_ reference: String, _ written: ManifestWriter.Written, now: Timestamp, console: Console) -> String
  {
    let old = written.before.map { YAMLText.render(LiveObject.comparable($0)) } ?? ""
    let new = YAMLText.render(LiveObject.comparable(written.after))
    let difference = UnifiedDiff.render(
      old: old, new: new, oldName: "live/\(reference)", newName: "applied/\(reference)")
    if difference.isEmpty { return "" }
    var text = ""
    for line in difference.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      text += coloured(printable(String(line)), console) + "\n"
    }
    // The values were checked by the server; an object that this program cannot read has no words for it.
    let before = written.before.flatMap { try? $0.decoded(as: DesiredDeployment.self) }
    guard let after = try? written.after.decoded(as: DesiredDeployment.self),
      after.kind == DesiredDeploymentKind.names.kind
    else { return text }
    for sentence in ProposedChange(current: before, proposed: after, now: now).sentences {
      text += console.coloured("The Agent would: \(printable(sentence))", .cyan) + "\n"
    }
    return text
  }

  private static func coloured(_ line: String, _ console: Console) -> String {
    if line.hasPrefix("+++") || line.hasPrefix("---") { return console.coloured(line, .bold) }
    if line.hasPrefix("@@") { return console.coloured(line, .cyan) }
    if line.hasPrefix("+") { return console.coloured(line, .green) }
    if line.hasPrefix("-") { return console.coloured(line, .red) }
    return line
  }
}
