import FoundationEssentials
import TestSupport
import Testing

@testable import Agent

/// Whoever holds the bucket says how a release is used, not what it runs.
struct UnsignedValuesTests {
  private static let chart = """
    backend: {replicas: 1, command: [serve, --fast], env: []}
    migration: {enabled: false, command: [/bin/migrate]}
    extraContainers: []
    jobs: [{name: a, args: [x]}]
    """

  private static func refusal(_ values: String) throws -> RuntimeFailure? {
    let folder = try TemporaryFolder()
    try folder.write(chart, to: "chart/values.yaml")
    try folder.write("worker: {command: [work]}\nlevel: 1\n", to: "chart/charts/queue/values.yaml")
    return UnsignedValues.refusal(of: Array(values.utf8), named: "config/values.yaml", chart: folder.file("chart"))
  }

  @Test(arguments: [
    ("migration: {enabled: true, command: [/bin/sh, -c, evil]}", "migration.command"),
    ("backend: {command: [serve, --fast, --more]}", "backend.command"), ("backend: {command: evil}", "backend.command"),
    ("backend: {extraArgs: [--plugin=/evil]}", "backend.extraArgs"),
    ("media: {command: [evil]}", "media.command"), ("jobs: [{name: a, args: [y]}]", "jobs.0.args"),
    ("jobs: [{name: a, args: [x]}, {name: b, args: [x]}]", "jobs.1.args"),
    ("extraContainers: [{name: evil, image: backend}]", "extraContainers"),
    ("backend: {initContainers: [{name: x}]}", "backend.initContainers"),
    ("backend: {lifecycle: {postStart: {exec: {command: [evil]}}}}", "backend.lifecycle"),
    ("backend: {livenessProbe: {exec: {command: [evil]}}}", "backend.livenessProbe.exec"),
    ("volumes: [{name: root, hostPath: {path: /}}]", "volumes.0.hostPath"),
    ("securityContext: {privileged: true}", "securityContext.privileged"), ("hostPID: true", "hostPID"),
    ("migrationScript: evil", "migrationScript"), ("queue: {worker: {command: [evil]}}", "queue.worker.command"),
    ("backend: {env: [{name: NODE_OPTIONS, value: --require=/evil.js}]}", "backend.env.0.NODE_OPTIONS"),
    (
      "backend: {env: [{name: LD_PRELOAD, valueFrom: {configMapKeyRef: {name: a, key: b}}}]}",
      "backend.env.0.LD_PRELOAD"
    ),
    ("settings: {PYTHONPATH: /evil}", "settings.PYTHONPATH"),
    ("settings: {npm_config_node_options: x}", "settings.npm_config_node_options"),
    ("ok: 1\\n---\\nbackend: {command: evil}", "backend.command"),
  ])
  func whatDecidesWhatRunsIsRefusedWithItsPlace(_ values: String, _ place: String) throws {
    let refusal = try #require(try Self.refusal(values.replacing("\\n", with: "\n")))
    #expect(refusal.kind == .permanent && refusal.reason == "SettingNotAllowed")
    #expect(refusal.message.contains("The values file config/values.yaml sets \(place)"), "\(refusal.message)")
    #expect(!refusal.message.contains("evil"), "values may be secrets")
  }

  @Test(arguments: [
    "", "{}", "global: {registry: mirror.example}\nbackend: {replicas: 3, resources: {limits: {cpu: 1}}}",
    "backend: {command: [serve, --fast]}", "backend: {command: []}", "migration: {enabled: true}",
    "migration: {command: [/bin/migrate]}", "jobs: [{name: a, args: [x]}]", "extraContainers: []",
    "queue: {worker: {command: [work]}, level: 2}", "hostPID: false", "securityContext: {privileged: false}",
    "env: [{name: MODE, value: x}]", "ingress: {path: /, hosts: [a]}", "settings: {PYTHONUNBUFFERED: '1', LOG: debug}",
    "env: [{name: NODE_OPTIONS}]", "names: [NODE_OPTIONS]", "not: [valid",
  ])
  func howAReleaseIsUsedIsTheCustomers(_ values: String) throws {
    let refusal = try Self.refusal(values)
    #expect(refusal == nil, "\(refusal?.message ?? "")")
  }
}
