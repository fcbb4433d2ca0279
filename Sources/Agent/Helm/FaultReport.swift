import ComposeBundles
import ResourceClient
import ResourceModel
import WireFormats

/// Completes what a pod's status says of a fault by what else a person needs: the last lines of the container's log, and
/// what the kubelet told about the pod.
struct FaultReport: Sendable {
  let client: ResourceClient
  let namespace: String
  let mask: SecretMask
  let clock: any Clock<Duration>

  func text(of fault: PodFault, workload: String?) async -> String {
    var text = (workload.map { "\($0): " } ?? "") + mask.masked(fault.message)
    switch fault.kind {
    case .crash:
      switch await lastWords(of: fault) {
      case .success(let log): text += log.isEmpty ? ". It wrote no log" : ". Its log ends: \(log)"
      case .failure(let error): text += ". Its log cannot be read: \(mask.masked("\(error)"))"
      }
    case .imagePull, .notReady, .preparing, .cannotStart:
      if let told = await warning(about: fault) { text += ". The kubelet says: \(told)" }
      if case .notReady = fault.kind {
        if case .success(let log) = await log(of: fault), !log.isEmpty { text += ". Its log ends: \(log)" }
      }
    case .unschedulable: break
    }
    return text
  }

  /// With the newest warning about the object itself.
  func text(of object: UnreadyObject) async -> String {
    let told = await warning(about: object.name, kind: object.kind, in: object.namespace, reasons: nil)
    return mask.masked(object.message) + (told.map { " (\($0))" } ?? "")
  }

  /// Why a controller could not make a pod, in its own words; nil where it told nothing of that.
  func refusedPods(of object: ManifestObject) async -> String? {
    await warning(about: object.name, kind: object.kind, in: object.namespace, reasons: ["FailedCreate"])
  }

  /// What a container has written that has ended: it may take a moment until that can be read.
  private func lastWords(of fault: PodFault) async -> Result<String, ResourceClientError> {
    var found = await log(of: fault)
    for _ in 0..<5 {
      if case .success(let log) = found, !log.isEmpty { break }
      guard (try? await clock.sleep(for: .milliseconds(400))) != nil else { break }
      found = await log(of: fault)
    }
    return found
  }

  private func log(of fault: PodFault) async -> Result<String, ResourceClientError> {
    let key = ObjectKey(namespace: namespace, name: fault.pod)
    var found = Result<String, ResourceClientError>.success("")
    for previous in fault.hasEndedBefore ? [true, false] : [false] {
      do throws(ResourceClientError) {
        let log = try await client.podLog(
          key, container: fault.container, previous: previous, tailLines: 10, limitBytes: 64 << 10)
        found = .success(mask.masked(log.lastLines(10, characters: 1500)))
      } catch {
        found = .failure(error)
      }
      if case .success(let lines) = found, !lines.isEmpty { break }
    }
    return found
  }

  /// Warnings that tell why a pod is not ready; others tell that something is tried again, or of the node.
  private static let reasons: Set<String> = [
    "Unhealthy", "ProbeError", "Failed", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox",
    "FailedPostStartHook", "InspectFailed", "NetworkNotReady", "FailedValidation",
  ]

  /// The newest warning about a pod that tells why. Where a container runs but is not ready, a probe has failed or is about
  /// to: the kubelet may take a moment to say so.
  private func warning(about fault: PodFault) async -> String? {
    for _ in 0..<(fault.kind == .notReady ? 10 : 1) {
      if let told = await warning(about: fault.pod, kind: "Pod", in: namespace, reasons: Self.reasons) { return told }
      guard fault.kind == .notReady, (try? await clock.sleep(for: .milliseconds(500))) != nil else { return nil }
    }
    return nil
  }

  /// - Parameter reasons: those that count; nil for all.
  private func warning(
    about name: String, kind: String, in namespace: String, reasons: Set<String>?
  ) async -> String? {
    let selector = ObjectSelector(
      fields: [
        .equals(path: "involvedObject.name", value: name), .equals(path: "involvedObject.kind", value: kind),
        .equals(path: "type", value: "Warning"),
      ])
    let list = try? await client.page(
      KubernetesResources.events, namespace: namespace, selector: selector, limit: 100)
    let events = (list?["items"]?.array ?? []).filter { reasons?.contains($0["reason"]?.string ?? "") ?? true }
    let newest = events.max { Self.moment(of: $0) < Self.moment(of: $1) }
    return newest?["message"]?.string.map { mask.masked($0.lastLines(3, characters: 500)) }
  }

  private static func moment(of event: JSONValue) -> String {
    event["lastTimestamp"]?.string ?? event["eventTime"]?.string ?? ""
  }
}
