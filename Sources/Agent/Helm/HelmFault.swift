import WireFormats

/// Reads out of what Helm printed why it failed.
enum HelmFault {
  /// - Parameter isTimedOut: true where Helm gave up waiting, so that the workloads tell the true reason.
  static func failure(_ output: String, mask: SecretMask) -> (failure: RuntimeFailure, isTimedOut: Bool) {
    let text = errorText(output)
    let lower = text.lowercased()
    func contains(_ parts: String...) -> Bool { parts.contains { lower.contains($0) } }
    func failure(_ kind: RuntimeFailure.Kind, _ reason: String) -> RuntimeFailure {
      RuntimeFailure(kind: kind, reason: reason, message: "Helm: \(mask.masked(text.lastLines(6, characters: 1500)))")
    }
    if contains("another operation (install/upgrade/rollback) is in progress") {
      return (failure(.transient, "HelmBusy"), false)
    }
    if contains(
      "cluster unreachable", "connection refused", "no route to host", "i/o timeout", "tls handshake timeout",
      "no such host", "connection reset", "server is currently unable", "etcdserver: ", "http2: ")
    {
      return (failure(.transient, "ClusterUnreachable"), false)
    }
    if contains(
      "hooks failed", "hook failed", "pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-rollback")
    {
      return (failure(.permanent, "HookFailed"), true)
    }
    if contains(
      "timed out waiting", "context deadline exceeded", "client rate limiter wait", "has been cancelled",
      "resource not ready", "not ready within", "progress deadline", "job failed", "failed to become",
      "context canceled")
    {
      return (failure(.permanent, "Timeout"), true)
    }
    if contains("is forbidden") { return (failure(.permanent, "ClusterAccessDenied"), false) }
    if contains("cannot be imported into the current release", "already exists") {
      return (failure(.permanent, "ObjectNotOwned"), false)
    }
    if contains("specifications of the schema", "failed to parse values", "error unmarshaling", "cannot load values") {
      return (failure(.permanent, "InvalidValues"), false)
    }
    if contains("execution error at", "parse error", "template:", "chart.yaml", "chart metadata", "missing in charts/")
    {
      return (failure(.permanent, "InvalidChart"), false)
    }
    if contains(
      "unable to build kubernetes objects", "validating", "is invalid", "error decoding", "no matches for kind")
    {
      return (failure(.permanent, "InvalidManifest"), false)
    }
    return (failure(.permanent, "HelmFailed"), false)
  }

  /// From the last line that begins with `Error:` on; warnings and log lines before it tell nothing of the failure.
  private static func errorText(_ output: String) -> String {
    let lines = output.split(whereSeparator: \.isNewline)
    guard let start = lines.lastIndex(where: { $0.hasPrefix("Error:") }) else { return output }
    return lines[start...].joined(separator: "\n").replacing(/^Error: */, with: "")
  }
}

extension PodFault {
  /// The condition's reason, in the words that Compose's failures use too.
  var reason: String {
    switch kind {
    case .imagePull: "ImagePullFailed"
    case .crash: "WorkloadCrashed"
    case .cannotStart: "WorkloadCannotStart"
    case .unschedulable: "Unschedulable"
    case .notReady, .preparing: "WorkloadUnhealthy"
    }
  }
}
