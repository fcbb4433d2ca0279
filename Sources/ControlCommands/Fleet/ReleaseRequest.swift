import ReleaseManifest
import WireFormats

/// What a release is created from (spec §14.1): the command line's words, and what the signed release manifest says of the
/// same. A pure value.
struct ReleaseRequest: Hashable {
  var version: String
  var tags = Tags()
  var isForced = false
  var isMigrationRequired = false
  var estimatedDowntime: String?
  var minCurrentVersion: String?
  var releaseNotes: String?
  var settings: [ReleaseManifest.Manifest.Setting] = []
  /// The signed manifest's envelope, as it came.
  var manifest: String?

  struct Tags: Hashable {
    var backend: String?
    var media: String?
    var controlTower: String?
    var agent: String?
  }

  /// The body of the request.
  var json: JSONValue {
    func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    var json: JSONValue = [
      "version": .string(version),
      "imageTags": [
        "backend": .string(tags.backend ?? ""), "media": .string(tags.media ?? ""),
        "controlTower": .string(tags.controlTower ?? ""), "agent": .string(tags.agent ?? ""),
      ],
      "isForced": .bool(isForced), "isMigrationRequired": .bool(isMigrationRequired),
      "estimatedDowntime": optional(estimatedDowntime), "releaseNotes": optional(releaseNotes),
      "newNonEssentialEnvs": .array(settings.map { ["key": .string($0.key), "value": .string($0.value)] }),
    ]
    if let minCurrentVersion { json["minCurrentVersion"] = .string(minCurrentVersion) }
    if let manifest { json["manifest"] = .string(manifest) }
    return json
  }

  /// Takes over what the vendor signed: customers' Agents deploy nothing that says otherwise.
  /// - Parameter text: the envelope.
  /// - Throws: `CommandFailure` where the command line contradicts it.
  mutating func adopt(_ signed: ReleaseManifest.Manifest, text: String, file: String) throws(CommandFailure) {
    guard let own = SemanticVersion(version), SemanticVersion(signed.version) == own else {
      throw Self.contradiction(file, "--version", "is for version \(signed.version)", version)
    }
    try take(signed.imageTags["backend"], \.backend, "--backend-tag", file)
    try take(signed.imageTags["media"], \.media, "--media-tag", file)
    let tower = ["controlTower", "control-tower"].compactMap { signed.imageTags[$0] }.first
    try take(tower, \.controlTower, "--control-tower-tag", file)
    try take(signed.imageTags["agent"], \.agent, "--agent-tag", file)
    if isForced, !signed.ruleset.forced {
      throw Self.contradiction(file, "--forced", "does not force the release", nil)
    }
    if isMigrationRequired, !signed.ruleset.migration {
      throw Self.contradiction(file, "--migration", "has no migration", nil)
    }
    isForced = signed.ruleset.forced
    isMigrationRequired = signed.ruleset.migration
    if let minCurrentVersion, signed.ruleset.minimumVersion != minCurrentVersion {
      throw Self.contradiction(
        file, "--min-version",
        "has \(signed.ruleset.minimumVersion.map { "\($0) as the oldest" } ?? "no oldest version")",
        minCurrentVersion)
    }
    minCurrentVersion = signed.ruleset.minimumVersion
    for setting in settings where !signed.settings.contains(setting) {
      throw Self.contradiction(file, "--setting \(setting.key)", "does not have this setting with this default", nil)
    }
    settings = signed.settings
    manifest = text
  }

  /// As the server checks them, which has the artifacts by then.
  /// - Throws: `CommandFailure` where one cannot be the tag of an image.
  func checkTags() throws(CommandFailure) {
    let all = [
      ("--backend-tag", tags.backend), ("--media-tag", tags.media), ("--control-tower-tag", tags.controlTower),
      ("--agent-tag", tags.agent),
    ]
    for case (let option, let tag?) in all where !tag.isEmpty && !Self.isTag(tag) {
      throw CommandFailure(
        "\(option) must be the tag of an image, such as sha-abc123, not \"\(printable(String(tag.prefix(128))))\"",
        hint: tag.contains("${") ? "A shell expands no variable in single quotes." : nil,
        exitCode: CommandFailure.usageExitCode)
    }
  }

  private static func isTag(_ text: String) -> Bool { text.wholeMatch(of: /[A-Za-z0-9_][A-Za-z0-9._-]{0,127}/) != nil }

  /// - Throws: `CommandFailure` where the manifest was signed for another file.
  static func check(
    _ artifact: ReleaseManifest.Manifest.Artifact, path: String, against signed: ReleaseManifest.Manifest, file: String
  ) throws(CommandFailure) {
    guard let expected = signed.artifact(for: artifact.runtime) else {
      throw CommandFailure(
        "\(printable(file)) names no artifact for \(artifact.runtime.rawValue), and \(printable(path)) would be one",
        hint: "Customers' Agents would refuse it. Sign a manifest that names it.")
    }
    guard expected == artifact else {
      throw CommandFailure(
        """
        \(printable(file)) was signed for another file than \(printable(path)): signed is \(expected.sha256), \
        \(expected.size) bytes; the file has \(artifact.sha256), \(artifact.size) bytes
        """, hint: "Customers' Agents would refuse it. Give the file that was signed, or sign this one.")
    }
  }

  private mutating func take(
    _ signed: String?, _ tag: WritableKeyPath<Tags, String?>, _ option: String, _ file: String
  ) throws(CommandFailure) {
    guard let signed else { return }
    if let given = tags[keyPath: tag], given != signed {
      throw Self.contradiction(file, option, "has the tag \(signed)", given)
    }
    tags[keyPath: tag] = signed
  }

  private static func contradiction(
    _ file: String, _ option: String, _ signed: String, _ given: String?
  ) -> CommandFailure {
    CommandFailure(
      "\(printable(file)) \(printable(signed)), and the command line says \(printable(option + (given.map { " \($0)" } ?? "")))",
      hint: "What was signed counts. Leave the option out, or sign another manifest.",
      exitCode: CommandFailure.usageExitCode)
  }
}
