import DeploymentKinds
import Processes
import WireFormats

/// The `helm` program of this machine, version 3 or 4, and its arguments. No secret stands among them: values are files.
struct HelmCommand: Sendable, Hashable {
  enum Generation: Sendable, Hashable {
    case helm3
    case helm4
  }

  var executable: String
  /// `3.17.3`
  var version: String
  var generation: Generation
  /// Nil for the current one of the kubeconfig, and inside a cluster.
  var context: String?

  /// - Parameter version: what `helm version --template '{{.Version}}'` prints, such as `v3.17.3`.
  init?(executable: String, version: String, context: String? = nil) {
    guard let match = version.firstMatch(of: /v?(([0-9]+)\.([0-9]+)\.[0-9]+[^\s]*)/) else { return nil }
    switch match.2 {
    case "3": generation = .helm3
    case "4": generation = .helm4
    default: return nil
    }
    self.executable = executable
    self.version = String(match.1)
    self.context = context
  }

  static func detect(
    executable: String, environment: [String: String], context: String?
  ) async throws(RuntimeFailure) -> HelmCommand {
    let result: ProcessResult
    do {
      result = try await ChildProcess.run(
        executable: executable, arguments: ["version", "--template", "{{.Version}}"], environment: environment,
        timeout: .seconds(30))
    } catch {
      if case .cancelled = error { throw .stopped }
      throw RuntimeFailure(
        kind: .transient, reason: "HelmUnusable",
        message: "\(executable) could not be run: \(error). Install Helm 3 or 4, or set WRKTALK_AGENT_HELM_BINARY")
    }
    guard result.status.isSuccess,
      let command = HelmCommand(
        executable: executable, version: result.standardOutput.text, context: context)
    else {
      throw RuntimeFailure(
        kind: .transient, reason: "HelmUnusable",
        message:
          "\(executable) is neither Helm 3 nor Helm 4: \(result.standardError.lastLine ?? result.standardOutput.text)")
    }
    return command
  }

  struct Upgrade: Sendable, Hashable {
    var release: String
    var namespace: String
    var chart: String
    /// Each over those before it.
    var valueFiles: [String]
    var imageTags: [String: String]
    /// Digests of images, by the chart's values that take them, such as `backend.image.digest`.
    var imageDigests: [String: String] = [:]
    var timeout: Duration
    var historyMax: Int
    /// Stands in Helm's history once it is deployed.
    var description: String
    /// False to return as soon as everything was applied.
    var isWaiting = true
    /// Stands as a label on the revision's Secret.
    var operation: String
  }

  func arguments(_ upgrade: Upgrade) -> [String] {
    var arguments = ["upgrade", upgrade.release, upgrade.chart, "--install"] + access(upgrade.namespace)
    arguments += Self.values(upgrade)
    if upgrade.isWaiting { arguments += ["--wait", "--wait-for-jobs"] }
    arguments += [
      // Without values of its own an upgrade would silently take over those of the revision before.
      "--reset-values", "--timeout", Self.text(upgrade.timeout), "--history-max", String(upgrade.historyMax),
      "--description", upgrade.description,
    ]
    if hasLabels { arguments += ["--labels", "\(RevisionLabel.operationLabel)=\(upgrade.operation)"] }
    return arguments + ownership
  }

  /// The same upgrade as Helm would do it now, as JSON and without doing anything.
  /// - Parameter isValid: false where fields may have values that they cannot have.
  func renderingArguments(_ upgrade: Upgrade, isValid: Bool = true) -> [String] {
    arguments(upgrade) + [isOfToday ? "--dry-run=server" : "--dry-run", "--output", "json"]
      + (isValid ? [] : ["--disable-openapi-validation"] + unchecked)
  }

  /// Against the chart's own schema of values, where that can be told.
  private var unchecked: [String] { isAtLeast(minor: 16) ? ["--skip-schema-validation"] : [] }

  /// All that the first installation would apply, as YAML: for a chart with objects of kinds that it brings itself, which
  /// a cluster without these kinds refuses to look at.
  func templateArguments(_ upgrade: Upgrade, isValid: Bool = true) -> [String] {
    ["template", upgrade.release, upgrade.chart] + access(upgrade.namespace) + Self.values(upgrade)
      + ["--include-crds"] + (generation == .helm3 && isOfToday ? ["--dry-run=server"] : [])
      + (isValid ? [] : unchecked)
  }

  /// What a chart and those within it apply before all else where it is installed, as YAML.
  static func definitionsArguments(chart: String) -> [String] { ["show", "crds", chart] }

  private static func values(_ upgrade: Upgrade) -> [String] {
    var arguments = upgrade.valueFiles.flatMap { ["--values", $0] }
    // As text: a tag such as 1e3 or true is no number and no boolean.
    for (service, tag) in upgrade.imageTags.sorted(by: { $0.key < $1.key }) {
      arguments += ["--set-string", "\(escaped(service)).image.tag=\(escaped(tag, ",{}\\"))"]
    }
    for (value, digest) in upgrade.imageDigests.sorted(by: { $0.key < $1.key }) {
      arguments += ["--set-string", "\(escaped(value, ",={}"))=\(digest)"]
    }
    return arguments
  }

  var hasLabels: Bool { isOfToday }

  /// Since 3.13.
  private var isOfToday: Bool { isAtLeast(minor: 13) }

  /// Of Helm 3.
  private func isAtLeast(minor: Int) -> Bool {
    guard generation == .helm3 else { return true }
    return (version.split(separator: ".").dropFirst().first.flatMap { Int($0) } ?? 0) >= minor
  }

  func rollbackArguments(
    release: String, namespace: String, revision: Int64, timeout: Duration, historyMax: Int, runsHooks: Bool
  ) -> [String] {
    ["rollback", release, String(revision)] + access(namespace)
      + ["--wait", "--wait-for-jobs", "--timeout", Self.text(timeout), "--history-max", String(historyMax)]
      + (runsHooks ? [] : ["--no-hooks"]) + ownership
  }

  /// Of every revision that Helm can read, as JSON.
  func historyArguments(release: String, namespace: String) -> [String] {
    ["history", release] + access(namespace) + ["--output", "json", "--max", "256"]
  }

  func uninstallArguments(release: String, namespace: String, timeout: Duration) -> [String] {
    ["uninstall", release] + access(namespace) + ["--wait", "--timeout", Self.text(timeout)]
  }

  /// Helm 4 applies on the server's side, where fields that somebody changed by hand are that person's: the release's
  /// word counts.
  private var ownership: [String] { generation == .helm4 ? ["--server-side=true", "--force-conflicts"] : [] }

  private func access(_ namespace: String) -> [String] {
    var arguments = ["--namespace", namespace]
    if let context { arguments += ["--kube-context", context] }
    return arguments
  }

  /// Whole seconds, which Go reads; at least one.
  private static func text(_ duration: Duration) -> String { "\(max(duration.components.seconds, 1))s" }

  /// `--set` takes `.`, `,`, `=`, `[` and `\` for its own.
  private static func escaped(_ name: String, _ special: String = ".,=[]{}\\") -> String {
    name.reduce(into: "") { text, character in
      if special.contains(character) { text.append("\\") }
      text.append(character)
    }
  }
}
