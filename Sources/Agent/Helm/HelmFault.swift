import ComposeBundles
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
    var words: Words

    init(
      reason: String, kind: RuntimeFailure.Kind = .permanent, isTimedOut: Bool = false, words: [String]
    ) {
      self.init(reason: reason, kind: kind, isTimedOut: isTimedOut, words: Words(words))
    }

    init(reason: String, kind: RuntimeFailure.Kind = .permanent, isTimedOut: Bool = false, words: Words) {
      self.reason = reason
      self.kind = kind
      self.isTimedOut = isTimedOut
      self.words = words
    }
  }

  /// Patterns of which one is to be found, ignoring case; all of them bounded, so that a long text costs its length.
  /// `@unchecked Sendable`: matching changes nothing of a pattern.
  private struct Words: @unchecked Sendable {
    private let patterns: [Regex<AnyRegexOutput>]

    init(_ words: [String]) {
      patterns = words.compactMap { try? Regex($0).ignoresCase().dotMatchesNewlines() }
      precondition(patterns.count == words.count, "a pattern of HelmFault is not valid")
    }

    func areFound(in text: String) -> Bool { patterns.contains { text.contains($0) } }
  }

  private static let waiting = Words([
    "timed out waiting", "context deadline exceeded", "client rate limiter wait", "has been cancelled",
    "resource not ready", "not ready. status:", "not ready within", "progress deadline", "job failed",
    "failed to become", "context canceled", "backofflimitexceeded", "deadlineexceeded", "job .{1,80} failed",
    "pod .{1,80} failed",
  ])

  private static let hook =
    "(pre|post)-(install|upgrade|rollback|delete) hooks? failed|hooks? (pre|post)-[a-z]{1,20} .{0,400}failed|failed (pre|post)-(install|upgrade|rollback|delete)"

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
    let rule = rules.first { $0.words.areFound(in: text) } ?? Rule(reason: "HelmFailed", words: [String]())
    // A hook that was not made, or was refused, says so itself.
    let isTimedOut = rule.isTimedOut || (rule.reason == "HookFailed" && waiting.areFound(in: text))
    return (
      RuntimeFailure(kind: rule.kind, reason: rule.reason, message: "Helm: \(shortened(withoutDumps(text)))"),
      isTimedOut
    )
  }

  /// From the last line that begins with `Error:` on; warnings and log lines before it tell nothing of the failure.
  private static func errorText(_ output: String) -> String {
    let lines = output.split(whereSeparator: \.isNewline)
    guard let start = lines.lastIndex(where: { $0.hasPrefix("Error:") }) else { return output }
    let text = lines[start...].joined(separator: "\n").replacing(/^Error: */, with: "")
    return withoutCopy(withoutFiles(text))
  }

  /// With the place in the specification instead of a file of values, which has its name from that.
  private static func withoutFiles(_ text: String) -> String {
    var output = ""
    var rest = text[...]
    while let mark = rest.firstRange(of: "/values-") {
      let number = rest[mark.upperBound...].prefix { $0.isASCII && $0.isNumber }
      let next = number.endIndex < rest.endIndex ? rest[number.endIndex] : " "
      if number.isEmpty || next.isLetter || next.isNumber || next == "_" {
        output += rest[..<mark.upperBound]
        rest = rest[mark.upperBound...]
        continue
      }
      let before = rest[..<mark.lowerBound]
      let folder = before.lastIndex { $0.isWhitespace || $0 == "\"" }.map { before.index(after: $0) }
      output += before[..<(folder ?? before.startIndex)] + "spec.helm.valuesFrom[\(number)]"
      rest = rest[number.endIndex...]
    }
    return output + rest
  }

  /// With the place in the specification instead of the Agent's own copy of the customer's values.
  private static func withoutCopy(_ text: String) -> String {
    var output = ""
    var rest = text[...]
    while let mark = rest.firstRange(of: "/.agent/work/") {
      let folder = rest[mark.upperBound...].prefix { $0.isASCII && ($0.isLetter || $0.isNumber) }
      let tail = rest[folder.endIndex...]
      let next = tail.dropFirst("/config".count).first ?? " "
      guard tail.hasPrefix("/config"), !next.isLetter, !next.isNumber, !"._-/".contains(next) else {
        output += rest[..<mark.upperBound]
        rest = rest[mark.upperBound...]
        continue
      }
      let before = rest[..<mark.lowerBound]
      let start = before.lastIndex { $0.isWhitespace || $0 == "\"" }.map { before.index(after: $0) }
      output += before[..<(start ?? before.startIndex)] + "the file of spec.helm.valuesPath"
      rest = tail.dropFirst("/config".count)
    }
    return output + rest
  }

  /// Without the whole objects that Kubernetes prints between what is wrong and why: `core.PodTemplateSpec{…}`.
  private static func withoutDumps(_ text: String) -> String {
    var output = ""
    var rest = text[...]
    var searched = rest.startIndex
    while let brace = rest[searched...].firstIndex(of: "{") {
      searched = rest.index(after: brace)
      guard let start = startOfType(before: brace, in: rest) else { continue }
      output += rest[..<start] + "…"
      var depth = 1
      var end = searched
      while end < rest.endIndex, depth > 0 {
        if rest[end] == "{" { depth += 1 } else if rest[end] == "}" { depth -= 1 }
        end = rest.index(after: end)
      }
      rest = rest[end...]
      searched = end
    }
    return output + rest
  }

  /// Where the name of Go's type begins that stands before a brace: `[]core.EnvVar`, `map[string]string`; nil where it is
  /// none.
  private static func startOfType(before brace: String.Index, in text: Substring) -> String.Index? {
    func isWord(_ character: Character) -> Bool {
      character.isASCII && (character.isLetter || character.isNumber)
    }
    let head = text[..<brace]
    let name = head.suffix(while: isWord)
    guard let first = name.first else { return nil }
    let map = "map[string]"
    if name.allSatisfy(\.isLetter), text[..<name.startIndex].hasSuffix(map) {
      return text.index(name.startIndex, offsetBy: -map.count)
    }
    guard first.isUppercase, text[..<name.startIndex].hasSuffix(".") else { return nil }
    let module = text[..<text.index(before: name.startIndex)].suffix(while: isWord)
    guard let start = module.firstIndex(where: \.isLowercase) else { return nil }
    guard start == module.startIndex else { return start }
    return text[..<start].suffix(while: { "[]*&".contains($0) }).startIndex
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

extension Substring {
  /// Its end, as far back as the characters satisfy the predicate.
  fileprivate func suffix(while predicate: (Character) -> Bool) -> Substring {
    let last = lastIndex { !predicate($0) }
    return self[(last.map { index(after: $0) } ?? startIndex)...]
  }
}
