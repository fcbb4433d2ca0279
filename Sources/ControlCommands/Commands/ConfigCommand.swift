import ArgumentParser
import FoundationEssentials
import ResourceModel
import SystemPackage

struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Keep servers, namespaces and tokens as named contexts.",
    discussion:
      "They are kept in ~/.config/wrktalkctl/config.yaml, or where WRKTALKCTL_CONFIG says, readable only by you.",
    subcommands: [
      ConfigGetContexts.self, ConfigCurrentContext.self, ConfigUseContext.self, ConfigSetContext.self,
      ConfigDeleteContext.self,
    ])

  static func file() throws(CommandFailure) -> ConfigurationFile {
    try ConfigurationFile(environment: ProcessInfo.processInfo.environment)
  }

  static var console: Console { .standard(environment: ProcessInfo.processInfo.environment) }
}

struct ConfigGetContexts: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "get-contexts", abstract: "Print the contexts.")

  func run() throws {
    let configuration = try ConfigCommand.file().read()
    if configuration.contexts.isEmpty {
      ConfigCommand.console.note("No contexts. wrktalkctl config set-context makes one.")
      return
    }
    try ConfigCommand.console.write(Self.render(configuration))
  }

  static func render(_ configuration: ClientConfiguration) -> String {
    let rows = configuration.contexts.sorted { $0.name < $1.name }.map { context in
      [
        context.name == configuration.currentContext ? "*" : "", context.name, context.server ?? "",
        context.namespace ?? "", context.tokenFile ?? (context.token == nil ? "" : "(kept here)"),
      ]
    }
    return TextTable.render(header: ["CURRENT", "NAME", "SERVER", "NAMESPACE", "TOKEN FILE"], rows: rows)
  }
}

struct ConfigCurrentContext: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "current-context", abstract: "Print the current context.")

  func run() throws {
    guard let name = try ConfigCommand.file().read().currentContext else {
      throw CommandFailure("there is no current context", hint: "wrktalkctl config use-context NAME chooses one.")
    }
    try ConfigCommand.console.write(printable(name) + "\n")
  }
}

struct ConfigUseContext: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "use-context", abstract: "Choose the current context.")

  @Argument(help: "The context.")
  var name: String

  func run() throws {
    let file = try ConfigCommand.file()
    var configuration = try file.read()
    _ = try configuration.context(name)
    configuration.currentContext = name
    try file.write(configuration)
    try ConfigCommand.console.write("Using the context \(printable(name)).\n")
  }
}

struct ConfigSetContext: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set-context", abstract: "Add or change a context; what is not given stays as it is.")

  @Argument(help: "The context.")
  var name: String

  @Option(help: "The server's address, such as http://127.0.0.1:3000.")
  var server: String?

  @Option(name: [.short, .long], help: "The namespace for commands that name none.")
  var namespace: String?

  @Option(help: "The file that holds the token; it is read anew for every command.", completion: .file())
  var tokenFile: String?

  @Flag(help: "Read the token from standard input and keep it in the configuration file.")
  var tokenStdin = false

  @Option(help: "A PEM file with the authorities that sign the server's certificate.", completion: .file())
  var certificateAuthority: String?

  @Flag(
    inversion: .prefixedNo, help: "Send the token without TLS to another machine too, in a network that you trust.")
  var insecureHttp: Bool?

  func run() throws {
    if tokenFile != nil, tokenStdin {
      throw CommandFailure("use --token-file or --token-stdin, not both", exitCode: CommandFailure.usageExitCode)
    }
    if name.isEmpty { throw CommandFailure("a context needs a name", exitCode: CommandFailure.usageExitCode) }
    let file = try ConfigCommand.file()
    var configuration = try file.read()
    var context = configuration.contexts.first { $0.name == name } ?? ClientConfiguration.Context(name: name)
    if let server { context.server = try ConnectionSettings.checked(server) }
    if let namespace { context.namespace = try Self.checked(namespace: namespace) }
    if let certificateAuthority { context.certificateAuthority = Self.absolute(certificateAuthority) }
    if let insecureHttp { context.insecureHTTP = insecureHttp ? true : nil }
    if let tokenFile {
      context.tokenFile = try Self.checked(tokenFile: Self.absolute(tokenFile))
      context.token = nil
    }
    if tokenStdin {
      context.token = try Self.token(try FileText.readStandardInput(), from: "standard input")
      context.tokenFile = nil
    }
    configuration.set(context)
    try file.write(configuration)
    let current = configuration.currentContext
    try ConfigCommand.console.write(
      "Saved the context \(printable(name))\(current == name ? ", which is the current one" : "").\n")
    if let current, current != name {
      ConfigCommand.console.note(
        "The current context still is \(printable(current)): wrktalkctl config use-context \(printable(name))")
    }
  }

  /// A token file is named as seen from everywhere.
  private static func absolute(_ path: String) -> String {
    path.hasPrefix("/")
      ? path : FilePath(FileManager.default.currentDirectoryPath).appending(path).lexicallyNormalized().string
  }

  private static func token(_ bytes: [UInt8], from source: String) throws(CommandFailure) -> String {
    let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard words.count == 1, let token = words.first else {
      throw CommandFailure("\(source) holds no token: one word was expected")
    }
    return String(token)
  }

  static func checked(namespace: String) throws(CommandFailure) -> String {
    if let problem = NameRules.labelProblems(namespace).first {
      throw CommandFailure(
        "\"\(printable(namespace))\" cannot be the name of a namespace: \(problem)",
        hint: "Give the namespace of the deployments, such as --namespace \(ConnectionSettings.defaultNamespace).",
        exitCode: CommandFailure.usageExitCode)
    }
    return namespace
  }

  /// - Throws: where a token cannot be read from the file now.
  static func checked(tokenFile path: String) throws(CommandFailure) -> String {
    do throws(CommandFailure) {
      _ = try token(try FileText.read(path), from: printable(path))
    } catch {
      throw CommandFailure(
        "the token file cannot be used: \(error.message)",
        hint:
          "Write the token there first (wrktalk-backend token create prints it), readable by you, or use --token-stdin."
      )
    }
    return path
  }
}

struct ConfigDeleteContext: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "delete-context", abstract: "Remove a context.")

  @Argument(help: "The context.")
  var name: String

  func run() throws {
    let file = try ConfigCommand.file()
    var configuration = try file.read()
    _ = try configuration.context(name)
    configuration.remove(name)
    try file.write(configuration)
    try ConfigCommand.console.write("Removed the context \(printable(name)).\n")
  }
}
