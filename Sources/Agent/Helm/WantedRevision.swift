import DeploymentPlanning

/// What a release's newest revision has to be for a step to have succeeded, whoever else used Helm meanwhile.
struct WantedRevision: Sendable, Hashable {
  enum Content: Sendable, Hashable {
    /// The Agent deployed it: its own description names the release and the settings. Helm gives no other revision that.
    case description(String)
    /// It deploys just these objects, whoever made it.
    case manifest(String)
  }

  var content: Content
  /// True where the Agent itself does what Helm came not to the end of.
  var includesFailed: Bool

  init(_ content: Content, includesFailed: Bool = false) {
    self.content = content
    self.includesFailed = includesFailed
  }

  func isMet(by record: HelmReleaseRecord) -> Bool {
    guard record.revision.status == .deployed || (includesFailed && record.revision.status == .failed) else {
      return false
    }
    return switch content {
    case .description(let description): record.description == description
    case .manifest(let digest): record.revision.manifestSha256 == digest
    }
  }
}

/// The newest revision of a release, and what it deploys.
struct NewestRevision: Sendable {
  var label: RevisionLabel
  var record: HelmReleaseRecord
  var manifest: RenderedManifest
}

extension RuntimeFailure {
  /// Somebody else used Helm in the midst of a step. That is no fault of the release: the step is taken again.
  /// - Parameters:
  ///   - latest: the newest revision that is there instead; nil where the release was uninstalled.
  ///   - step: what the Agent was doing: `the Agent deployed 2.0.0`.
  static func interference(
    _ release: String, _ latest: RevisionLabel?, _ record: HelmReleaseRecord?, after step: String
  ) -> RuntimeFailure {
    let chart = record.map { "chart \($0.revision.version), " } ?? ""
    let found =
      latest.map { label in
        "its newest revision is \(label.number) (\(chart)\((record?.revision.status ?? label.status).rawValue)), which the "
          + "Agent did not make"
      } ?? "it was uninstalled"
    return RuntimeFailure(
      kind: .transient, reason: "HelmInterference",
      message: "Somebody else used Helm on release \(release) while \(step): \(found)")
  }
}
