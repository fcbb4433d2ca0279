import Processes
import WireFormats
import YAMLDocuments

/// How Compose is called on this host.
public enum ComposeCommand: Sendable, Hashable {
  /// The plugin of the Docker CLI: `docker compose`.
  case plugin(docker: String)
  /// A program of its own, of version 2 or later.
  case standalone(path: String)
  /// `docker-compose` 1.x, which knows fewer options.
  case legacy(path: String)

  var executable: String {
    switch self {
    case .plugin(let path), .standalone(let path), .legacy(let path): path
    }
  }

  var isLegacy: Bool {
    if case .legacy = self { true } else { false }
  }

  private var prefix: [String] {
    if case .plugin = self { ["compose"] } else { [] }
  }

  /// Arguments that hold for every subcommand. The `.env` is named, so that its values appear nowhere.
  func arguments(
    project: String, folder: String, files: [String], environmentFile: String?, _ subcommand: [String]
  ) -> [String] {
    var arguments = prefix + ["--project-name", project, "--project-directory", folder]
    for file in files { arguments += ["--file", file] }
    if let environmentFile { arguments += ["--env-file", environmentFile] }
    return arguments + subcommand
  }

  var configArguments: [String] { isLegacy ? ["config"] : ["config", "--format", "json"] }

  /// Images are there when this is called: what a bundle says about pulling must not send Compose to the registry again.
  var upArguments: [String] { ["up", "--detach", "--remove-orphans"] + (isLegacy ? [] : ["--pull", "missing"]) }

  /// Has containers of these services made anew, whatever Compose takes them for, and starts nothing. Their anonymous
  /// volumes go with them.
  func renewArguments(_ services: [String]) -> [String] {
    // Version 1 would make those anew, too, on which they depend; for version 2 the dependencies are part of their hash.
    ["up", "--no-start", "--force-recreate"] + (isLegacy ? ["--no-deps"] : ["--pull", "missing"]) + services
  }

  /// For services that are to have no container, whatever the Compose files say.
  static func scaleArguments(_ services: [ComposeService]) -> [String] {
    services.flatMap { ["--scale", "\($0.name)=0"] }
  }

  /// What Compose calls the image that it builds of a service that names none.
  func builtImage(of service: String, project: String) -> String { "\(project)\(isLegacy ? "_" : "-")\(service)" }

  /// Creates one more container of a service that has `count`, beside them, and starts nothing. What it depends on is
  /// left as it is, or created; without its dependencies it would get another configuration hash.
  func besideArguments(_ service: String, count: Int) -> [String] {
    ["up", "--no-start", "--no-recreate"] + (isLegacy ? [] : ["--pull", "missing"])
      + ["--scale", "\(service)=\(count + 1)", service]
  }

  /// Reads what `config` printed.
  func resolved(_ output: [UInt8]) throws(RuntimeFailure) -> JSONValue {
    do {
      if !isLegacy { return try JSONValue(parsing: output) }
      return try YAMLStream.parse(output, file: "docker-compose config").first?.value ?? .null
    } catch {
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidComposeFile",
        message: "What Compose made of the bundle cannot be read: \(type(of: error))")
    }
  }
}

extension ComposeCommand {
  /// Looks for Compose on the search path of `environment`, the plugin first.
  static func detect(environment: [String: String]) async throws(RuntimeFailure) -> ComposeCommand {
    let path = environment["PATH"] ?? ""
    if let docker = ExecutableSearch.find("docker", path: path),
      let version = try await version(docker, ["compose", "version", "--short"], environment), version >= 2
    {
      return .plugin(docker: docker)
    }
    if let compose = ExecutableSearch.find("docker-compose", path: path),
      let version = try await version(compose, ["version", "--short"], environment)
    {
      return version >= 2 ? .standalone(path: compose) : .legacy(path: compose)
    }
    throw RuntimeFailure(
      kind: .transient, reason: "ComposeMissing",
      message: "Neither docker compose nor docker-compose works on this host; install one of them. Searched: \(path)")
  }

  /// The major version; nil where the program does not tell.
  private static func version(
    _ executable: String, _ arguments: [String], _ environment: [String: String]
  ) async throws(RuntimeFailure) -> Int? {
    do {
      let outcome = try await ChildProcess.run(
        executable: executable, arguments: arguments, environment: environment, timeout: .seconds(30))
      guard outcome.status.isSuccess else { return nil }
      let text = outcome.standardOutput.text
      return Int(text.drop { !$0.isNumber }.prefix { $0.isNumber })
    } catch {
      if case .cancelled = error { throw .stopped }
      return nil
    }
  }
}
