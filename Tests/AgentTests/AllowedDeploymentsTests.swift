import DeploymentKinds
import DeploymentPlanning
import ProgramConfiguration
import Synchronization
import Testing

@testable import Agent

/// What the Agent's administrator allows.
@Suite struct AllowedDeploymentsTests {
  @Test(
    arguments: [
      ([], "anything", true), (["shop"], "shop", true), (["shop"], "shops", false), (["shop"], "sho", false),
      (["shop-*"], "shop-1", true), (["shop-*"], "shop-", true), (["shop-*"], "shop", false),
      (["*-eu"], "a-eu-eu", true),
      (["*-eu"], "a-eu-us", false), (["a*b*c"], "axxbxxc", true), (["a*b*c"], "axxcxxb", false), (["*"], "", true),
      (["**"], "x", true), (["a", "b"], "b", true), (["a", "b"], "c", false), (["shop?"], "shopx", false),
      (["Secret/wrktalk-values", "ConfigMap/*"], "ConfigMap/any", true),
      (["Secret/wrktalk-values", "ConfigMap/*"], "Secret/database", false),
    ] as [([String], String, Bool)])
  func namesAreComparedWithPatterns(patterns: [String], name: String, isAllowed: Bool) {
    #expect(AllowedDeployments.List(patterns).allows(name) == isAllowed)
  }

  private func allowed(_ variables: [String: String]) throws -> AllowedDeployments {
    try EnvironmentVariables.agent(variables).allowedDeployments()
  }

  @Test func theVariablesAreRead() throws {
    #expect(try allowed([:]) == AllowedDeployments())
    let given = try allowed([
      "WRKTALK_AGENT_PROJECTS": "shop, shop-*", "WRKTALK_AGENT_VALUES_SOURCES": "Secret/wrktalk-values,ConfigMap/*",
    ])
    #expect(given.targets.patterns == ["shop", "shop-*"])
    #expect(given.valuesSources.patterns == ["Secret/wrktalk-values", "ConfigMap/*"])
  }

  @Test(arguments: [
    ("PROJECTS", ","), ("PROJECTS", "a,,b"), ("PROJECTS", "a b"), ("PROJECTS", "../x"),
    ("VALUES_SOURCES", "wrktalk-values"),
    ("VALUES_SOURCES", "secret/x"), ("VALUES_SOURCES", "Secret/"), ("VALUES_SOURCES", "Secret/a/b"),
    ("VALUES_SOURCES", "Secret/x,"),
  ])
  func aListThatWouldAllowSomethingElseIsRefused(name: String, value: String) {
    let error = #expect(throws: ConfigurationError.self) { try allowed(["WRKTALK_AGENT_\(name)": value]) }
    #expect(error?.setting == "WRKTALK_AGENT_\(name)")
  }

  /// Counts what reaches it.
  private final class Runtime: DeploymentRuntime {
    let touched = Mutex<[String]>([])

    func observe(_ target: RuntimeTarget) async throws(RuntimeFailure) -> EnvironmentObservation {
      .compose([], files: [])
    }

    func converge(
      _ target: RuntimeTarget, to release: PreparedRelease,
      progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
    ) async throws(RuntimeFailure) -> RunningRelease {
      touched.withLock { $0.append("converge \(target.name)") }
      return RunningRelease(imageDigests: [:], services: [])
    }

    func restore(
      _ target: RuntimeTarget, to revision: RevisionReference, purpose: RestorePurpose,
      progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
    ) async throws(RuntimeFailure) -> RunningRelease? {
      touched.withLock { $0.append("restore \(target.name)") }
      return nil
    }

    func uninstall(
      _ target: RuntimeTarget, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
    ) async throws(RuntimeFailure) -> [String] {
      touched.withLock { $0.append("uninstall \(target.name)") }
      return []
    }

    func preflight(
      _ target: RuntimeTarget, of release: PreparedRelease
    ) async throws(RuntimeFailure) -> [DesiredDeploymentStatus.Preflight.Check] { [] }

    func changes(_ target: RuntimeTarget) -> AsyncStream<Void> { AsyncStream { $0.finish() } }
  }

  private static func release(_ sources: (DesiredDeploymentSpec.ValuesReference.Kind, String)...) -> PreparedRelease {
    PreparedRelease(
      release: .init(
        version: "1", artifact: .init(path: "a", sha256: "b"),
        valuesFrom: sources.map { .init(kind: $0.0, name: $0.1) }), folder: "/f", configFile: nil)
  }

  @Test func whatIsNotAllowedDoesNotReachTheRuntime() async throws {
    let inner = Runtime()
    let runtime = AllowedRuntime(
      runtime: inner,
      allowed: AllowedDeployments(targets: .init(["shop"]), valuesSources: .init(["Secret/values", "ConfigMap/*"])))
    func reason(_ name: String, _ release: PreparedRelease) async -> String? {
      do throws(RuntimeFailure) {
        _ = try await runtime.converge(RuntimeTarget(name: name, timeout: .seconds(1)), to: release) { _ in }
        return nil
      } catch {
        #expect(error.kind == .permanent)
        return error.reason
      }
    }
    #expect(await reason("other", Self.release()) == "TargetNotAllowed")
    #expect(await reason("shop", Self.release((.secret, "database"))) == "ValuesSourceNotAllowed")
    #expect(await reason("shop", Self.release((.configMap, "x"), (.secret, "other"))) == "ValuesSourceNotAllowed")
    let other = RuntimeTarget(name: "other", timeout: .seconds(1))
    let left = try await runtime.uninstall(other) { _ in }
    #expect(left.count == 1)
    #expect(left.first?.contains("Nothing of other was removed") == true)
    #expect(inner.touched.withLock { $0 } == [])

    #expect(await reason("shop", Self.release((.secret, "values"), (.configMap, "x"))) == nil)
    let shop = RuntimeTarget(name: "shop", timeout: .seconds(1))
    #expect(try await runtime.uninstall(shop) { _ in } == [])
    #expect(inner.touched.withLock { $0 } == ["converge shop", "uninstall shop"])
  }
}
