import ArgumentParser
import DeploymentKinds
import ResourceModel
import WireFormats

/// The options of commands that can wait for what they asked for.
struct WaitOptions: ParsableArguments {
  @Flag(help: "Wait until the deployment is ready; fail where it stalls.")
  var wait = false

  @Option(help: "How long to wait, such as 30s or 10m.")
  var timeout = "10m"

  static func duration(_ text: String) throws(CommandFailure) -> Duration {
    guard let span = DurationText(text), span.duration > .zero else {
      throw CommandFailure(
        "--timeout=\(printable(text)) is no span of time", hint: "Write it as 30s, 10m or 1h30m.",
        exitCode: CommandFailure.usageExitCode)
    }
    return span.duration
  }

  /// Waits for readiness where that was asked for.
  func waitUntilReady(_ name: String, _ session: Session) async throws {
    guard wait else { return }
    let names = DesiredDeploymentKind.names
    try await Waiting(
      session: session, names: names, key: ObjectKey(namespace: session.namespace, name: name),
      goal: .condition(type: DeploymentCondition.ready, status: "True"), timeout: try Self.duration(timeout)
    ).run()
    try session.console.write("\(names.reference(name)) is ready\n")
  }
}
