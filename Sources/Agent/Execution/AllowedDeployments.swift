import DeploymentKinds
import DeploymentPlanning

/// What an Agent may deploy to, and which Secrets and ConfigMaps it may take values from: its administrator's word, which no
/// record changes.
public struct AllowedDeployments: Sendable, Hashable {
  /// Names, in which `*` stands for any characters. Without any, every name is allowed.
  public struct List: Sendable, Hashable {
    public var patterns: [String]

    public init(_ patterns: [String] = []) { self.patterns = patterns }

    public func allows(_ name: String) -> Bool {
      patterns.isEmpty || patterns.contains { Self.matches(Array(name.utf8)[...], Array($0.utf8)[...]) }
    }

    /// Of each `*` only the last is tried anew, so that the time is bounded by the product of both lengths.
    private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
      var (name, pattern) = (name, pattern)
      var retry: (name: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>)?
      while true {
        if pattern.first == UInt8(ascii: "*") {
          pattern = pattern.dropFirst()
          retry = (name, pattern)
        } else if let byte = name.first, byte == pattern.first {
          (name, pattern) = (name.dropFirst(), pattern.dropFirst())
        } else if name.isEmpty, pattern.isEmpty {
          return true
        } else if let last = retry, !last.name.isEmpty {
          (name, pattern) = (last.name.dropFirst(), last.pattern)
          retry = (name, pattern)
        } else {
          return false
        }
      }
    }
  }

  /// Compose projects or Helm releases.
  public var targets: List
  /// `Secret/NAME` and `ConfigMap/NAME`.
  public var valuesSources: List

  public init(targets: List = List(), valuesSources: List = List()) {
    self.targets = targets
    self.valuesSources = valuesSources
  }

  /// Why the Agent does not touch a target; nil where it may.
  func refusal(of target: String) -> RuntimeFailure? {
    if targets.allows(target) { return nil }
    return RuntimeFailure(
      kind: .permanent, reason: "TargetNotAllowed",
      message: """
        This Agent may not deploy to \(target): WRKTALK_AGENT_PROJECTS allows \(targets.patterns.joined(separator: ", ")). \
        Change the record, or have the Agent's administrator add the name
        """)
  }

  /// Why the Agent does not read values; nil where it may.
  func refusal(of sources: [DesiredDeploymentSpec.ValuesReference]) -> RuntimeFailure? {
    let names = sources.map { "\($0.kind.rawValue)/\($0.name)" }.filter { !valuesSources.allows($0) }
    if names.isEmpty { return nil }
    return RuntimeFailure(
      kind: .permanent, reason: "ValuesSourceNotAllowed",
      message: """
        This Agent may not take values from \(names.joined(separator: ", ")): WRKTALK_AGENT_VALUES_SOURCES allows \
        \(valuesSources.patterns.joined(separator: ", ")). Change spec.helm.valuesFrom, or have the Agent's administrator add \
        the name
        """)
  }
}

/// A runtime that keeps to what is allowed, whatever the records say.
struct AllowedRuntime: DeploymentRuntime {
  let runtime: any DeploymentRuntime
  let allowed: AllowedDeployments

  func observe(_ target: RuntimeTarget) async throws(RuntimeFailure) -> EnvironmentObservation {
    try await runtime.observe(target)
  }

  func converge(
    _ target: RuntimeTarget, to release: PreparedRelease,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease {
    if let refusal = allowed.refusal(of: target.name) { throw refusal }
    if let refusal = allowed.refusal(of: release.release.valuesFrom ?? []) { throw refusal }
    return try await runtime.converge(target, to: release, progress: progress)
  }

  func restore(
    _ target: RuntimeTarget, to revision: RevisionReference, purpose: RestorePurpose,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease? {
    if let refusal = allowed.refusal(of: target.name) { throw refusal }
    return try await runtime.restore(target, to: revision, purpose: purpose, progress: progress)
  }

  func uninstall(
    _ target: RuntimeTarget, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> [String] {
    // A record that may not be here at all must still be able to go.
    if let refusal = allowed.refusal(of: target.name) {
      return ["Nothing of \(target.name) was removed. \(refusal.message)"]
    }
    return try await runtime.uninstall(target, progress: progress)
  }

  func preflight(
    _ target: RuntimeTarget, of release: PreparedRelease
  ) async throws(RuntimeFailure) -> [DesiredDeploymentStatus.Preflight.Check] {
    let refusal = allowed.refusal(of: target.name) ?? allowed.refusal(of: release.release.valuesFrom ?? [])
    if let refusal { return [.init("Allowed", .failed, refusal.message)] }
    return try await runtime.preflight(target, of: release)
  }

  func changes(_ target: RuntimeTarget) -> AsyncStream<Void> { runtime.changes(target) }
}
