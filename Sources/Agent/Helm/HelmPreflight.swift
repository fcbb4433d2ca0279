import ComposeBundles
public import DeploymentKinds
import FoundationEssentials
import ReleaseManifest
import ResourceClient
import ResourceModel
import Timing
import WireFormats
import YAMLDocuments

extension HelmRuntime {
  public func preflight(
    _ target: RuntimeTarget, of release: PreparedRelease
  ) async throws(RuntimeFailure) -> [DesiredDeploymentStatus.Preflight.Check] {
    var target = target
    target.timeout = min(target.timeout, .seconds(120))
    do throws(RuntimeFailure) {
      return try await HelmPreflight(operation: try await operation(on: target, progress: { _ in }), release: release)
        .checks()
    } catch {
      return [try .init("Settings", found: error)]
    }
  }
}

/// What can be told of a release before it is deployed to a cluster: helm renders it, and nothing is applied.
struct HelmPreflight: Sendable {
  typealias Check = DesiredDeploymentStatus.Preflight.Check

  let operation: HelmOperation
  let release: PreparedRelease

  private var target: RuntimeTarget { operation.target }
  private var client: ResourceClient { operation.runtime.client }

  func checks() async throws(RuntimeFailure) -> [Check] {
    let rendering = try await rendering()
    return [
      rendering.check, try await clusterVersion(rendering.fault), try await quota(), try await disk(),
      try await HelmImageCheck(namespace: target.namespace, client: client, http: operation.runtime.registries)
        .check(rendering.documents),
    ]
  }

  /// What helm makes of chart and values, and whether the images are the signed ones.
  private func rendering() async throws(RuntimeFailure) -> (
    check: Check, fault: RuntimeFailure?, documents: [JSONValue]?
  ) {
    do throws(RuntimeFailure) {
      let chart = try HelmChart(folder: release.folder)
      let values = try await HelmValues.read(
        release, namespace: target.namespace, folder: release.workFolder,
        trustsSources: operation.runtime.configuration.trustsValuesSources, client: client)
      defer { values.erase() }
      let images = release.manifest.map { SignedImages($0) }
      let upgrade = HelmCommand.Upgrade(
        release: target.name, namespace: target.namespace, chart: chart.folder, valueFiles: values.files,
        imageTags: release.release.imageTags ?? [:], imageDigests: images?.digestValues ?? [:],
        timeout: operation.deadline.remaining(), historyMax: operation.runtime.configuration.historyMax,
        description: "preflight", operation: "preflight")
      let documents = try await operation.judge(
        upgrade, images: images, values, folder: release.workFolder, mask: SecretMask(values: values.secrets))
      return (Check("Settings", .passed, "The chart renders with this environment's values"), nil, documents)
    } catch {
      return (try Check("Settings", found: error), error, nil)
    }
  }

  /// Helm itself refuses a chart whose `kubeVersion` does not fit, and says so.
  private func clusterVersion(_ fault: RuntimeFailure?) async throws(RuntimeFailure) -> Check {
    let version: String
    do throws(ResourceClientError) {
      version = try await client.get(path: "/version")["gitVersion"]?.string ?? "unknown"
    } catch {
      return try Check("ClusterVersion", found: RuntimeFailure(error, "the version of the cluster"))
    }
    let wanted = try HelmChart(folder: release.folder).kubeVersion
    if let fault, fault.message.contains("incompatible with Kubernetes") {
      return Check("ClusterVersion", .failed, "The cluster is \(version), and the chart needs \(wanted ?? "another")")
    }
    guard let wanted else {
      return Check("ClusterVersion", .passed, "The chart names no version; the cluster is \(version)")
    }
    guard fault == nil else {
      return Check(
        "ClusterVersion", .skipped,
        "The cluster is \(version), the chart needs \(wanted), and helm did not come to compare them")
    }
    return Check("ClusterVersion", .passed, "The cluster is \(version), as the chart needs (\(wanted))")
  }

  // MARK: Room

  private func quota() async throws(RuntimeFailure) -> Check {
    let list: JSONValue
    do throws(ResourceClientError) {
      list = try await client.get(path: "/api/v1/namespaces/\(target.namespace)/resourcequotas?limit=100")
    } catch {
      return try unreadable("Quota", error, "resourcequotas of the namespace \(target.namespace)")
    }
    return Self.quota(list["items"]?.array ?? [])
  }

  /// During an upgrade pods of both versions run side by side, so that a quota without any room stops it.
  static func quota(_ quotas: [JSONValue]) -> Check {
    if quotas.isEmpty { return Check("Quota", .passed, "The namespace has no quota") }
    var full: [String] = []
    for quota in quotas {
      let name = quota["metadata"]?["name"]?.string ?? ""
      let used = quota["status"]?["used"]
      for (resource, hard) in (quota["status"]?["hard"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
        guard let limit = hard.string.flatMap({ Quantity($0) }),
          let present = used?[resource]?.string.flatMap({ Quantity($0) }), !(present < limit)
        else { continue }
        full.append("\(resource) of \(name) (\(used?[resource]?.string ?? "") of \(hard.string ?? ""))")
      }
    }
    if full.isEmpty { return Check("Quota", .passed, "No quota of the namespace is used up") }
    return Check(
      "Quota", .warning,
      "Used up: \(ComposePreflight.listed(full)). An upgrade needs room for pods of both versions at once")
  }

  private func disk() async throws(RuntimeFailure) -> Check {
    var short: [String] = []
    var next: String?
    do throws(ResourceClientError) {
      repeat {
        let list = try await client.get(path: "/api/v1/nodes?limit=500" + (next.map { "&continue=\($0)" } ?? ""))
        short += (list["items"]?.array ?? []).filter(Self.lacksRoom).compactMap { $0["metadata"]?["name"]?.string }
        next = list["metadata"]?["continue"]?.string.flatMap { $0.isEmpty ? nil : PercentEncoding.encode($0) }
      } while next != nil
    } catch {
      return try unreadable("DiskSpace", error, "nodes")
    }
    return short.isEmpty
      ? Check("DiskSpace", .passed, "No node reports a lack of room on its disk")
      : Check(
        "DiskSpace", .warning, "These nodes report a lack of room on their disks: \(ComposePreflight.listed(short))")
  }

  private static func lacksRoom(_ node: JSONValue) -> Bool {
    (node["status"]?["conditions"]?.array ?? []).contains {
      $0["type"]?.string == "DiskPressure" && $0["status"]?.string == "True"
    }
  }

  /// What this Agent may not read is no fault of the release.
  private func unreadable(
    _ name: String, _ error: ResourceClientError, _ subject: String
  ) throws(RuntimeFailure) -> Check {
    if case .status(let status) = error, status.reason == .forbidden {
      return Check(name, .skipped, "This Agent may not read \(subject)")
    }
    return try Check(name, found: RuntimeFailure(error, subject))
  }
}

extension HelmChart {
  /// The versions of Kubernetes that the chart is for; nil where it names none.
  var kubeVersion: String? {
    guard let bytes = FileManager.default.contents(atPath: "\(folder)/Chart.yaml").map({ [UInt8]($0) }),
      bytes.count <= 1 << 20,
      let chart = try? YAMLStream.parse(bytes, file: "Chart.yaml", keys: .lenient).first?.value
    else { return nil }
    return chart["kubeVersion"]?.string.map { String($0.prefix(100)) }
  }
}
