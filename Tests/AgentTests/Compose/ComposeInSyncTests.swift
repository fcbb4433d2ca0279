import Agent
import DeploymentKinds
import DeploymentPlanning
import Synchronization
import TestSupport
import Testing

extension ComposeOnARealEngine {
  /// What runs is what the release says, also where Compose's own hash takes it for unchanged.
  @Suite(.needs(.docker), .needs(.images)) struct ComposeInSyncTests {
    @Test func contentsOfConfigsAndSecretsAreApplied() async throws {
      try await ComposeStack.with(.v2) { stack in
        func release(_ version: String, content: String, token: String, file: String) throws -> PreparedRelease {
          try stack.release(
            version,
            compose: """
              services:
                app:
                  image: ${REGISTRY}/backend:v1
                  stop_grace_period: 1s
                  configs: [{source: settings, target: /etc/settings}]
                  secrets: [token, pw]
                other: {image: "${REGISTRY}/media:v1", stop_grace_period: 1s}
              configs: {settings: {content: "mode=\(content)"}}
              secrets: {token: {environment: APP_TOKEN}, pw: {file: ./secret.txt}}
              """, settings: ["APP_TOKEN": token], files: ["secret.txt": file])
        }
        let app = "\(stack.project)-app-1"
        func contents() async throws -> [String] {
          try await ["/etc/settings", "/run/secrets/token", "/run/secrets/pw"].asyncMap { file in
            try await stack.docker("exec", app, "/bin/cat", file)
          }
        }
        try await stack.converge(try release("1", content: "one", token: "first", file: "a"))
        #expect(try await contents() == ["mode=one", "first", "a"])
        let before = try await stack.containers()
        try await stack.converge(try release("1", content: "one", token: "first", file: "a"))
        #expect(try await stack.containers() == before)
        for (content, token, file) in [("two", "first", "a"), ("two", "second", "a"), ("two", "second", "b")] {
          try await stack.converge(try release("2", content: content, token: token, file: file))
          #expect(try await contents() == ["mode=\(content)", token, file])
        }
        let after = try await stack.containers()
        #expect(after[app] != before[app])
        #expect(after["\(stack.project)-other-1"] == before["\(stack.project)-other-1"], "nothing of it has changed")
        let labels = try await stack.docker("inspect", "-f", "{{json .Config.Labels}}", app)
        #expect(!labels.contains("second"))
      }
    }

    @Test func whatIsChangedInRunningContainersIsSeenAndPutRight() async throws {
      try await ComposeStack.with(.v2) { stack in
        let compose = """
          services:
            app:
              image: ${REGISTRY}/backend:v1
              stop_grace_period: 1s
              restart: unless-stopped
              mem_limit: 64m
              volumes: [/data]
          """
        let release = try stack.release(compose: compose)
        let running = try await stack.converge(release)
        let app = "\(stack.project)-app-1"
        #expect(try await stack.drifts(from: running) == "")
        try await stack.docker("exec", app, "/bin/sh", "-c", "echo kept >/data/file")

        try await stack.docker("update", "--memory", "128m", "--memory-swap", "256m", "--restart", "no", app)
        let changed = try await stack.drifts(from: running)
        #expect(changed.contains("memory 134217728 instead of 67108864") && changed.contains("restart policy unset"))
        try await stack.converge(release, over: running)
        #expect(try await stack.drifts(from: running) == "")

        try await stack.docker("network", "disconnect", "\(stack.project)_default", app)
        #expect(try await stack.drifts(from: running).contains("networks unset instead of \(stack.project)_default"))
        try await stack.converge(release, over: running)
        #expect(try await stack.drifts(from: running) == "")

        try await stack.docker("pause", app)
        #expect(try await stack.drifts(from: running).contains("is paused"))
        try await stack.converge(release, over: running)
        #expect(try await stack.drifts(from: running) == "")
        #expect(try await stack.docker("exec", app, "/bin/cat", "/data/file") == "kept\n", "anonymous volumes go along")
      }
    }

    @Test func networksThatAreDefinedOtherwiseAreMadeAnewAndVolumesNamed() async throws {
      try await ComposeStack.with(.v2) { stack in
        func release(_ version: String, isInternal: Bool, size: String) throws -> PreparedRelease {
          try stack.release(
            version,
            compose: """
              services:
                app: {image: "${REGISTRY}/backend:v1", stop_grace_period: 1s, networks: [inner], volumes: ["data:/data"]}
              networks: {inner: {internal: \(isInternal)}}
              volumes: {data: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=\(size)"}}}
              """)
        }
        let first = try await stack.converge(try release("1", isInternal: false, size: "1m"))
        #expect(first.unapplied.isEmpty)
        let second = try await stack.converge(try release("2", isInternal: true, size: "2m"), over: first)
        let network = "\(stack.project)_inner"
        #expect(try await stack.docker("network", "inspect", "-f", "{{.Internal}}", network) == "true\n")
        #expect(second.unapplied.count == 1)
        #expect(second.unapplied.first?.hasPrefix("The volume \(stack.project)_data stays as it was made") == true)
        #expect(try await stack.drifts(from: second) == "")
        #expect(second.services.first?.settings?["networks"] == network)
      }
    }

    @Test func jobsDoTheirWorkOnceARelease() async throws {
      try await ComposeStack.with(.v2) { stack in
        let compose = """
          services:
            app:
              image: ${REGISTRY}/backend:v1
              stop_grace_period: 1s
              depends_on: {init: {condition: service_completed_successfully}}
            init:
              image: ${REGISTRY}/media:v1
              volumes: ["jobs:/jobs"]
              command: ["/bin/sh", "-c", "echo init >>/jobs/log"]
            seed:
              image: ${REGISTRY}/media:v1
              restart: on-failure
              volumes: ["jobs:/jobs"]
              command: ["/bin/sh", "-c", "sleep 4; echo seed >>/jobs/log"]
          volumes: {jobs: }
          """
        let release = try stack.release(compose: compose)
        var running = try await stack.converge(release)
        let seed = try #require(running.services.first { $0.name == "seed" })
        #expect(!seed.runsToCompletion && seed.mayComplete == true, "it is still at it")
        #expect(running.services.first { $0.name == "app" }?.runsToCompletion == false)
        for await _ in stack.runtime.changes(stack.target()) {
          let containers = try await stack.runtime.observe(stack.target()).containers
          if containers.first(where: { $0.service == "seed" })?.state == .exited(code: 0) { break }
        }
        #expect(try await stack.drifts(from: running) == "", "a job that ended well is no drift")

        for index in running.services.indices where running.services[index].name == "seed" {
          running.services[index].runsToCompletion = true
        }
        try await stack.docker("rm", "-f", "\(stack.project)-app-1")
        let corrected = try await stack.converge(release, over: running, finishedJobs: ["init", "seed"])
        #expect(corrected.services.map(\.name) == ["app", "init", "seed"])
        #expect(try await stack.drifts(from: corrected) == "")
        let log = try await stack.text("log", inVolume: "jobs")
        #expect(log == "init\nseed\n")
      }
    }

    @Test func serviceThatAProfileSwitchesOffIsRemoved() async throws {
      try await ComposeStack.with(.v2) { stack in
        func compose(_ profiles: String) -> String {
          """
          services:
            app: {image: "${REGISTRY}/backend:v1", stop_grace_period: 1s}
            mailer: {image: "${REGISTRY}/media:v1", stop_grace_period: 1s, profiles: [\(profiles)]}
            idle: {image: "${REGISTRY}/media:v1", deploy: {replicas: 0}}
          """
        }
        try await stack.converge(try stack.release("1", compose: compose("")))
        #expect(try await stack.containers().count == 2)
        let second = try await stack.converge(try stack.release("2", compose: compose("mail")))
        #expect(try await stack.containers().keys.sorted() == ["\(stack.project)-app-1"])
        #expect(try await stack.drifts(from: second) == "")
      }
    }
  }
}

extension Array {
  fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
    var results: [Result] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
