import ComposeBundles
import DeploymentPlanning
import ReleaseManifest

/// Finds out from what Compose printed why it failed.
struct ComposeFault: Sendable {
  enum Phase: Sendable, Hashable {
    case config
    case build
    case pull
    case up
  }

  var phase: Phase
  var project: String
  var services: [ComposeService]
  var endpoint: DockerEndpoint
  var mask: SecretMask
  /// Where the release's `.env` lies for Compose.
  var settingsFile: String?
  /// Where people find it: its key in the bucket.
  var settingsName = ".env"

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
      return settingsFailure(text)
        ?? RuntimeFailure(
          kind: .permanent, reason: "InvalidComposeFile", message: "Compose refuses the bundle: \(words)")
    case .build:
      if Self.isOutage(text) {
        return RuntimeFailure(
          kind: .transient, reason: "RegistryUnreachable", message: "An image could not be built for now: \(words)")
      }
      return RuntimeFailure(
        kind: .permanent, reason: "ImageBuildFailed",
        message: "Compose could not build an image of the bundle: \(words)")
    case .pull: return pullFailure(text, words)
    case .up:
      return busyFailure(text, words) ?? nameFailure(text) ?? portFailure(text) ?? dependencyFailure(text)
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

  /// The reason of a failure: somebody else, or the engine itself, is at work on the same containers.
  static let engineBusy = "EngineBusy"

  /// What passes by itself: a container or network goes while Compose uses it.
  private func busyFailure(_ text: String, _ words: String) -> RuntimeFailure? {
    let isBusy =
      Self.contains(
        text,
        [
          "is already in progress", "is marked for removal", "No such container:",
          "failed to update store for object type", "is restarting, wait until",
        ])
      || text.firstMatch(of: /network \S+ not found/) != nil
    guard isBusy else { return nil }
    return RuntimeFailure(
      kind: .transient, reason: Self.engineBusy,
      message: "Somebody or something else changes the project's containers at the same time: \(words)")
  }

  private func nameFailure(_ text: String) -> RuntimeFailure? {
    guard
      let match = text.firstMatch(of: /container name "\/?([^"]+)" is already in use by container "?([0-9a-f]{1,12})/)
    else { return nil }
    let service = services.first { $0.containerName == String(match.1) }.map { " of service \($0.name)" } ?? ""
    return RuntimeFailure(
      kind: .permanent, reason: "ContainerNameInUse",
      message: """
        The container name \(match.1)\(service) is taken by container \(match.2), which is not part of this project. \
        Rename or remove that container (docker rename, docker rm), or choose another container_name
        """)
  }

  // MARK: - Settings

  /// Where the settings are at fault and not the bundle. Compose quotes them, so that its own words are not shown.
  private func settingsFailure(_ text: String) -> RuntimeFailure? {
    func failure(_ message: String) -> RuntimeFailure {
      RuntimeFailure(kind: .permanent, reason: "InvalidSettings", message: message)
    }
    if let match = text.firstMatch(
      of:
        /(?m)^(?:failed to read (.+?): )?line (\d+): (unexpected character|unterminated quoted value|key cannot contain a space|.*variable name|)/
    ) {
      let what =
        switch match.3 {
        case "unterminated quoted value": "a quote is opened and not closed"
        case "key cannot contain a space": "it has no = after a name without spaces"
        default: "a name holds a character that names of variables cannot hold"
        }
      let isOurs = match.1.map { String($0) == settingsFile } ?? false
      let file = isOurs ? "The settings file \(settingsName)" : "An env_file of the bundle"
      // Compose names the line at which it gave up looking for the end of a quote.
      let opening = isOurs && match.3 == "unterminated quoted value" ? openingLine : nil
      return failure(
        "\(file) cannot be read at line \(opening.map(String.init) ?? String(match.2)): \(what). A line is NAME=value; put a value of several lines, or "
          + "with special characters, in single quotes")
    }
    if let match = text.firstMatch(of: /required variable (\S+) is missing a value(?:: (.*))?/) {
      let reason = match.2.map { " (\(mask.masked(String($0))))" } ?? ""
      return failure("The bundle needs a value of \(match.1)\(reason): add it to the settings file \(settingsName)")
    }
    return nil
  }

  private var openingLine: Int? { EnvironmentFile(at: settingsFile).unclosedQuoteLine }

  // MARK: - Pulling

  private func pullFailure(_ text: String, _ words: String) -> RuntimeFailure {
    let culprit = culprit(in: text)
    // The engine names what it asked for by the address alone.
    let asked = text.firstMatch(of: /https?:\/\/([^\/\s]+)\/v2\/(\S+?)\/manifests\/([^\s"]+)/)
    let image = culprit?.image ?? asked.map { "\($0.1)/\($0.2):\($0.3)" }
    let subject =
      switch (image, culprit) {
      case (let image?, let service?): "The image \(image) of service \(service.name)"
      case (let image?, nil): "The image \(image)"
      case (nil, _): "An image"
      }
    let named = culprit.map(Self.registry) ?? ""
    let registry = named.isEmpty ? asked.map { String($0.1) } ?? "" : named
    if Self.isThrottled(text) {
      return RuntimeFailure(
        kind: .transient, reason: "RegistryUnreachable",
        message: """
          \(subject) could not be pulled for now: the registry\(registry.isEmpty ? "" : " \(registry)") has been asked too \
          often (429). A login on this host (docker login\(registry.isEmpty ? "" : " \(registry)")) may raise its limit: \
          \(words)
          """)
    }
    if Self.isAccessRefusal(text) {
      let login = registry.isEmpty ? "docker login" : "docker login \(registry)"
      return RuntimeFailure(
        kind: .permanent, reason: "ImagePullFailed",
        message: """
          \(subject) may not be pulled. Log in on this host (\(login)) as somebody who may read it, or check that the image \
          exists: \(words)
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
      let repository = ImageReference(image).repository
      return lines.contains(image) || lines.contains("for \(repository),")
        || lines.contains("/v2/\(Self.path(of: repository))/manifests/")
    }) {
      return named
    }
    if let match = text.firstMatch(of: /ERROR: for ([^\s]+)/) { return services.first { $0.name == match.1 } }
    let answer = text.split(separator: "Error response from daemon: ").last?.prefix { !$0.isNewline } ?? ""
    let failed = text.matches(of: /(?m)^\s*(\S+) Error (.*)$/).filter { $0.2 == answer }
    return failed.count == 1 ? services.first { $0.name == failed[0].1 } : nil
  }

  /// A repository without its registry.
  private static func path(of repository: String) -> String {
    let parts = repository.split(separator: "/", maxSplits: 1)
    guard parts.count == 2, parts[0].contains(where: { $0 == "." || $0 == ":" }) || parts[0] == "localhost" else {
      return repository.contains("/") ? repository : "library/\(repository)"
    }
    return String(parts[1])
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
        "denied: requested access", "403 Forbidden", "401 Unauthorized", ": denied", "access forbidden",
      ])
  }

  private static func isThrottled(_ text: String) -> Bool {
    contains(text, ["toomanyrequests", "429 Too Many Requests", "HTTP status: 429"])
  }

  private static func isOutage(_ text: String) -> Bool {
    contains(
      text,
      [
        "connection refused", "no such host", "i/o timeout", "TLS handshake timeout", "context deadline exceeded",
        "Client.Timeout", "network is unreachable", "no route to host", "connection reset", "unexpected EOF", ": EOF",
        "received unexpected HTTP status: 5", "server misbehaving",
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
      service.containerName == String(name)
        || ["-", "_"].contains { name.hasPrefix("\(project)\($0)\(service.name)\($0)") }
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
