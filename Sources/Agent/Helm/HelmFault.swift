import WireFormats

/// Reads out of what Helm printed why it failed.
enum HelmFault {
  /// What words mean. The first rule whose words are found counts, so what a chart or a hook says stands before what may be
  /// quoted in it.
  private struct Rule {
    var reason: String
    var kind = RuntimeFailure.Kind.permanent
    /// Helm gave up waiting, so that the workloads tell the true reason.
    var isTimedOut = false
    /// Ignoring case.
    var words: [String]
  }

  private static let waiting = [
    "timed out waiting", "context deadline exceeded", "client rate limiter wait", "has been cancelled",
    "resource not ready", "not ready. status:", "not ready within", "progress deadline", "job failed",
    "failed to become", "context canceled", "backofflimitexceeded", "deadlineexceeded", "job .{1,80} failed",
    "pod .{1,80} failed",
  ]

  private static let hook =
    "(pre|post)-(install|upgrade|rollback|delete) hooks? failed|hooks? (pre|post)-[a-z]+ .{0,400}failed|failed (pre|post)-(install|upgrade|rollback|delete)"

  private static let rules: [Rule] = [
    Rule(
      reason: "HelmBusy", kind: .transient, words: [#"another operation \(install/upgrade/rollback\) is in progress"#]),
    Rule(reason: "InvalidChart", words: [#"execution error at \("#]),
    Rule(
      reason: "InvalidValues",
      words: ["specifications of the schema", "^failed to parse ", "cannot load values", "error unmarshaling json"]),
    Rule(
      reason: "InvalidChart",
      words: [
        #"parse error at \("#, "yaml parse error on", #"^(upgrade failed: |installation failed: )?template: "#,
        "chart.yaml", "chart metadata", "missing in charts/", "error converting yaml to json",
      ]),
    Rule(reason: "HookFailed", words: [hook]),
    Rule(
      reason: "ReleaseTooLarge",
      words: ["request is too large", "request entity too large", "too long: must have at most", "larger than max"]),
    Rule(reason: "WebhookUnavailable", kind: .transient, words: ["failed calling webhook", "failed to call webhook"]),
    Rule(reason: "QuotaExceeded", words: ["is forbidden: (exceeded|failed) quota"]),
    Rule(
      reason: "NamespaceTerminating",
      words: ["because it is being terminated", "unable to create new content in namespace"]),
    Rule(
      reason: "ClusterAccessDenied",
      words: [
        #"is forbidden: (user|group|serviceaccount) ".{1,300} cannot"#, "attempting to grant rbac permissions",
        #"cannot (get|list|create|update|patch|delete) resource"#,
      ]),
    Rule(
      reason: "ClusterAccessDenied", kind: .transient,
      words: [": unauthorized$", "asked for the client to provide credentials"]),
    Rule(
      reason: "AdmissionDenied",
      words: ["admission webhook .{1,300} denied", "violates podsecurity", "is forbidden: .{1,300}"]),
    Rule(
      reason: "ClusterUnreachable", kind: .transient,
      words: [
        "kubernetes cluster unreachable", "dial tcp", "connection refused", "no route to host", "i/o timeout",
        "tls handshake timeout", "no such host", "connection reset by peer",
        "server is currently unable to handle the request", "etcdserver: (leader changed|request timed out|no leader)",
        "http2: (client connection|server sent goaway)", "unexpected eof",
      ]),
    Rule(
      reason: "ObjectNotOwned",
      words: ["cannot be imported into the current release", "invalid ownership metadata", "already exists"]),
    Rule(
      reason: "InvalidManifest",
      words: [
        "unable to build kubernetes objects", "error validating", "is invalid: ", "error decoding",
        "no matches for kind", "field is immutable", "cannot patch .{1,300} with kind",
      ]),
    Rule(reason: "Timeout", isTimedOut: true, words: waiting),
  ]

  /// - Returns: `isTimedOut` is true where Helm gave up waiting, so that the workloads tell the true reason.
  static func failure(_ output: String, mask: SecretMask) -> (failure: RuntimeFailure, isTimedOut: Bool) {
    let text = mask.masked(errorText(output))
    let rule = rules.first { matches(text, $0.words) } ?? Rule(reason: "HelmFailed", words: [])
    // A hook that was not made, or was refused, says so itself.
    let isTimedOut = rule.isTimedOut || (rule.reason == "HookFailed" && matches(text, waiting))
    return (
      RuntimeFailure(kind: rule.kind, reason: rule.reason, message: "Helm: \(shortened(withoutDumps(text)))"),
      isTimedOut
    )
  }

  private static func matches(_ text: String, _ words: [String]) -> Bool {
    words.contains { words in
      guard let pattern = try? Regex(words) else { return false }
      return text.contains(pattern.ignoresCase().dotMatchesNewlines())
    }
  }

  /// From the last line that begins with `Error:` on; warnings and log lines before it tell nothing of the failure.
  private static func errorText(_ output: String) -> String {
    let lines = output.split(whereSeparator: \.isNewline)
    guard let start = lines.lastIndex(where: { $0.hasPrefix("Error:") }) else { return output }
    let text = lines[start...].joined(separator: "\n").replacing(/^Error: */, with: "")
    // The file has its name from its place in the list.
    return text.replacing(/[^\s"]*\/values-([0-9]+)\b/) { "spec.helm.valuesFrom[\($0.1)]" }
  }

  /// Without the whole objects that Kubernetes prints between what is wrong and why: `core.PodTemplateSpec{…}`.
  private static func withoutDumps(_ text: String) -> String {
    var output = ""
    var rest = text[...]
    while let dump = rest.firstMatch(of: /(?:[\[\]*&]*[a-z][A-Za-z0-9]*\.[A-Z][A-Za-z0-9]*|map\[string\][A-Za-z]+)\{/) {
      output += rest[..<dump.range.lowerBound] + "…"
      var depth = 1
      var end = dump.range.upperBound
      while end < rest.endIndex, depth > 0 {
        if rest[end] == "{" { depth += 1 } else if rest[end] == "}" { depth -= 1 }
        end = rest.index(after: end)
      }
      rest = rest[end...]
    }
    return output + rest
  }

  /// The object and the cause stand at the head.
  private static func shortened(_ text: String) -> String {
    let lines = text.split(whereSeparator: \.isNewline).filter { line in line.contains { !$0.isWhitespace } }
    let joined = lines.joined(separator: "\n")
    return joined.count <= longest ? joined : joined.prefix(longest - 1) + "…"
  }

  /// In characters.
  private static let longest = 1500
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
