import DeploymentPlanning

/// Finds out from what Compose printed why it failed.
struct ComposeFault: Sendable {
  enum Phase: Sendable, Hashable {
    case config
    case pull
    case up
  }

  var phase: Phase
  var project: String
  var services: [ComposeService]
  var endpoint: DockerEndpoint
  var mask: SecretMask

  /// - Parameter output: standard error, as Compose wrote it.
  func failure(_ output: String) -> RuntimeFailure {
    let text = TerminalText.plain(output)
    let words = mask.masked(Self.withoutProgress(text).lastLines(8, characters: 1500))
    if Self.isEngineUnreachable(text) {
      return RuntimeFailure(
        kind: .transient, reason: "EngineUnreachable",
        message: "Compose cannot reach the Docker engine at \(endpoint). Check that it runs and that its socket is open"
      )
    }
    if text.contains("no space left on device") {
      return RuntimeFailure(
        kind: .transient, reason: "DiskFull",
        message: "The Docker engine has no space left. Free some (docker system df shows what uses it): \(words)")
    }
    switch phase {
    case .config:
      return RuntimeFailure(
        kind: .permanent, reason: "InvalidComposeFile", message: "Compose refuses the bundle: \(words)")
    case .pull: return pullFailure(text, words)
    case .up:
      return portFailure(text) ?? dependencyFailure(text)
        ?? (Self.isRefusal(text) || Self.isOutage(text) ? pullFailure(text, words) : nil)
        ?? RuntimeFailure(
          kind: .permanent, reason: "ComposeUpFailed", message: "Compose could not start the release: \(words)")
    }
  }

  /// The service whose dependency failed `up`, to look into its container.
  func failedDependency(_ output: String, containers: [EngineContainer]) -> EngineContainer? {
    let text = TerminalText.plain(output)
    if let match = text.firstMatch(of: /service "([^"]+)" didn't complete successfully/) {
      return containers.first { $0.service == match.1 && $0.state != .exited(code: 0) }
    }
    if let match = text.firstMatch(of: /dependency failed to start: container (\S+) (?:is unhealthy|exited)/) {
      return containers.first { $0.name == match.1 }
    }
    if let match = text.firstMatch(of: /Container "([0-9a-f]+)" (?:is unhealthy|exited with code)/) {
      return containers.first { $0.id.hasPrefix(match.1) }
    }
    return nil
  }

  // MARK: - Pulling

  private func pullFailure(_ text: String, _ words: String) -> RuntimeFailure {
    let culprit = culprit(in: text)
    let subject = culprit.map { "The image \($0.image ?? "") of service \($0.name)" } ?? "An image"
    if Self.isAccessRefusal(text) {
      return RuntimeFailure(
        kind: .permanent, reason: "ImagePullFailed",
        message: """
          \(subject) may not be pulled. Log in on this host (docker login \(culprit.map(Self.registry) ?? "")), or check \
          that the image exists: \(words)
          """)
    }
    if Self.isRefusal(text) {
      return RuntimeFailure(
        kind: .permanent, reason: "ImagePullFailed",
        message: "\(subject) does not exist in its registry. Check the tag: \(words)")
    }
    if Self.isOutage(text) {
      return RuntimeFailure(
        kind: .transient, reason: "RegistryUnreachable", message: "\(subject) could not be pulled for now: \(words)")
    }
    return RuntimeFailure(
      kind: .permanent, reason: "ImagePullFailed", message: "\(subject) could not be pulled: \(words)")
  }

  /// The service whose image is named in the message; where the message names none, the one that Compose v1 names.
  private func culprit(in text: String) -> ComposeService? {
    let errors = text.split(whereSeparator: \.isNewline).filter { !$0.hasSuffix("Pulling") && !$0.hasSuffix("...") }
    let lines = errors.joined(separator: "\n")
    if let named = services.first(where: { service in
      guard let image = service.image else { return false }
      return lines.contains(image) || lines.contains("for \(ImageReference(image).repository),")
    }) {
      return named
    }
    if let match = text.firstMatch(of: /ERROR: for ([^\s]+)/) { return services.first { $0.name == match.1 } }
    let answer = text.split(separator: "Error response from daemon: ").last?.prefix { !$0.isNewline } ?? ""
    let failed = text.matches(of: /(?m)^\s*(\S+) Error (.*)$/).filter { $0.2 == answer }
    return failed.count == 1 ? services.first { $0.name == failed[0].1 } : nil
  }

  private static func registry(_ service: ComposeService) -> String {
    let repository = ImageReference(service.image ?? "").repository
    guard let host = repository.split(separator: "/").first, repository.contains("/"),
      host.contains(".") || host.contains(":") || host == "localhost"
    else { return "" }
    return String(host)
  }

  /// When one pull fails, Compose says of those it then gives up that it cannot connect: so an answer of the engine
  /// elsewhere in the text counts for more.
  private static func isEngineUnreachable(_ text: String) -> Bool {
    contains(
      text,
      [
        "Cannot connect to the Docker daemon", "Error while fetching server API version",
        "permission denied while trying to connect to the",
      ])
      && !text.contains("Error response from daemon")
  }

  private static func isRefusal(_ text: String) -> Bool {
    isAccessRefusal(text)
      || contains(text, ["manifest unknown", "not found: manifest", "name unknown", "no matching manifest"])
  }

  private static func isAccessRefusal(_ text: String) -> Bool {
    contains(
      text,
      [
        "pull access denied", "unauthorized", "authentication required", "no basic auth credentials",
        "denied: requested access", "403 Forbidden",
      ])
  }

  private static func isOutage(_ text: String) -> Bool {
    contains(
      text,
      [
        "connection refused", "no such host", "i/o timeout", "TLS handshake timeout", "context deadline exceeded",
        "Client.Timeout", "network is unreachable", "no route to host", "connection reset", "unexpected EOF", ": EOF",
        "toomanyrequests", "received unexpected HTTP status: 5", "server misbehaving",
        "temporary failure in name resolution",
      ])
  }

  // MARK: - Starting

  private func portFailure(_ text: String) -> RuntimeFailure? {
    guard
      let match = text.firstMatch(
        of:
          /(?:Bind for|listen (?:tcp|udp)[46]?) (\S*:(\d+))(?: failed: port is already allocated|: bind: address already in use)/
      )
    else { return nil }
    let service = endpointService(in: text)
    return RuntimeFailure(
      kind: .permanent, reason: "PortInUse",
      message: """
        Port \(match.2) (\(match.1)) \(service.map { "of service \($0) " } ?? "")is in use by something else on this host. \
        Stop what uses it, or choose another port in the .env
        """)
  }

  private func endpointService(in text: String) -> String? {
    if let match = text.firstMatch(of: /Cannot start service (\S+):/) { return String(match.1) }
    guard let match = text.firstMatch(of: /on endpoint (\S+) \(/) else { return nil }
    // The container is named PROJECT-SERVICE-NUMBER, unless the bundle names it itself.
    let name = match.1
    let owner = services.first { service in
      ["-", "_"].contains { name.hasPrefix("\(project)\($0)\(service.name)\($0)") }
    }
    return owner?.name ?? String(name)
  }

  private func dependencyFailure(_ text: String) -> RuntimeFailure? {
    let line = text.split(whereSeparator: \.isNewline).last {
      $0.contains("is unhealthy") || $0.contains("didn't complete successfully") || $0.contains("exited with code")
        || $0.contains("exited (")
    }
    guard let line else { return nil }
    let reason = line.contains("is unhealthy") ? "WorkloadUnhealthy" : "WorkloadCrashed"
    return RuntimeFailure(kind: .permanent, reason: reason, message: mask.masked(String(line.drop { $0 == " " })))
  }

  // MARK: - Text

  /// Without the lines that only tell how far Compose got, and without its warnings.
  private static func withoutProgress(_ text: String) -> String {
    let kept = text.split(whereSeparator: \.isNewline).filter { line in
      if line.contains("level=warning") || line.hasSuffix("Defaulting to a blank string.") { return false }
      if line.wholeMatch(
        of:
          /\s*(?:(?:Network|Volume|Container) )?\S+\s+(?:Pulling|Pulled|Creating|Created|Starting|Started|Running|Recreate|Recreated|Waiting|Healthy|Exited|Error|Stopping|Stopped|Removing|Removed|Interrupted)\s*/
      ) != nil {
        return false
      }
      return line.wholeMatch(of: /(?:Pulling|Creating|Starting|Recreating|Removing|Stopping) .*(?:\.\.\.|done|error).*/)
        == nil
    }
    // Compose says most errors twice: once beside the service, once at the end.
    var seen: Set<Substring> = []
    return kept.filter { seen.insert($0).inserted }.joined(separator: "\n")
  }

  private static func contains(_ text: String, _ phrases: [String]) -> Bool { phrases.contains { text.contains($0) } }
}
