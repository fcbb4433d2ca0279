import CoreKinds
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import Processes
import ResourceClient
import ResourceModel
import WireFormats

/// Fetches what a support bundle holds. What cannot be had is noted, and holds nothing else up.
struct SupportCollector {
  let client: ResourceClient
  let namespace: String
  /// For the programs that are asked for logs and versions.
  let environment: [String: String]
  var bundle: SupportBundle

  /// Of the Backend, by the file that they go to.
  private static let documents = [
    ("deployments.json", "/api/admin/deployment/releases"), ("tasks.json", "/api/admin/deployment/tasks"),
    ("notices.json", "/api/admin/notices?limit=200"), ("recipients.json", "/api/admin/notices/recipients"),
    ("license.json", "/internal/license/status"),
  ]
  private static let texts = [("readyz.txt", "/readyz?verbose"), ("metrics.txt", "/metrics")]

  mutating func collectServer() async {
    var versions: JSONValue = ["wrktalkctl": .string(ProgramVersion.current)]
    do throws(ResourceClientError) {
      versions["server"] = try await client.get(path: "/version")
    } catch {
      bundle.miss("versions.json", "the server's version: \(error)")
    }
    bundle.add("versions.json", json: versions)
    for (name, definition) in [
      ("records.json", DesiredDeploymentKind.definition), ("events.json", Event.definition),
      ("leases.json", LeaseKind.definition),
    ] {
      do throws(ResourceClientError) {
        let list = try await client.list(definition.names, namespace: namespace)
        bundle.add("records/\(name)", json: .array(list.items))
      } catch {
        bundle.miss("records/\(name)", "\(error)")
      }
    }
    for (name, path) in Self.documents {
      do throws(ResourceClientError) {
        bundle.add("server/\(name)", json: try await client.get(path: path))
      } catch {
        bundle.miss("server/\(name)", "\(error)")
      }
    }
    for (name, path) in Self.texts {
      do throws(ResourceClientError) {
        bundle.add("server/\(name)", text: try await client.text(path: path))
      } catch {
        bundle.miss("server/\(name)", "\(error)")
      }
    }
  }

  // MARK: Logs

  mutating func collect(logFile path: String) {
    let name = "logs/\(Self.fileName(path))"
    guard let handle = FileManager.default.contents(atPath: path) else {
      return bundle.miss(name, "\(path) cannot be read")
    }
    bundle.add(name, text: String(decoding: handle, as: UTF8.self))
  }

  mutating func collect(container: String) async {
    await collect(
      "logs/container-\(Self.fileName(container)).log", "docker",
      ["logs", "--timestamps", "--tail", "20000", "--", container])
  }

  /// - Parameter pod: `NAME` or `NAMESPACE/NAME`.
  mutating func collect(pod: String) async {
    let parts = pod.split(separator: "/", maxSplits: 1).map(String.init)
    let (space, name) = parts.count == 2 ? (parts[0], parts[1]) : (namespace, pod)
    await collect(
      "logs/pod-\(Self.fileName(pod)).log", "kubectl",
      ["logs", "--namespace=\(space)", "--all-containers", "--timestamps", "--tail=20000", "--", name])
  }

  /// What the tools of this machine say of themselves.
  mutating func collectTools() async {
    for (name, arguments) in [
      ("docker", ["version"]), ("docker", ["compose", "version"]), ("kubectl", ["version"]), ("helm", ["version"]),
    ] where ExecutableSearch.find(name, path: environment["PATH"] ?? "") != nil {
      await collect("tools/\(name)-\(arguments.joined(separator: "-")).txt", name, arguments)
    }
  }

  private mutating func collect(_ file: String, _ program: String, _ arguments: [String]) async {
    do throws(CommandFailure) {
      let result = try await ForegroundProcess.run(
        program, executable: program, arguments: arguments, environment: environment, timeout: .seconds(30),
        outputLimit: bundle.limits.fileBytes)
      if !result.status.isSuccess { bundle.miss(file, "\(program) \(arguments[0]): \(result.status)") }
      let text = result.standardOutput.text + result.standardError.text
      if !text.isEmpty { bundle.add(file, text: text) }
    } catch {
      bundle.miss(file, error.message)
    }
  }

  /// Of a path or a name, what can be the name of a file.
  static func fileName(_ path: String) -> String {
    let plain = path.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" }
    let name = String(String(plain).drop { $0 == "_" || $0 == "." }.suffix(120))
    return name.isEmpty ? "file" : name
  }
}
