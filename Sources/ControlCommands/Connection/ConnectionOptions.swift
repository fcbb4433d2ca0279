import ArgumentParser
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import ResourceClient

/// The options of every command that talks to a server.
struct ConnectionOptions: ParsableArguments {
  @Option(help: "The server's address, such as http://127.0.0.1:3000 (environment: WRKTALK_SERVER).")
  var server: String?

  @Option(
    help: "A file that holds the bearer token (environment: WRKTALK_TOKEN holds the token itself).",
    completion: .file())
  var tokenFile: String?

  @Option(help: "A PEM file with the authorities that sign the server's certificate.", completion: .file())
  var certificateAuthority: String?

  @Flag(
    name: .customLong("insecure-http"),
    help: "Send the token without TLS to another machine too (environment: WRKTALK_INSECURE_HTTP=true).")
  var insecureHTTP = false

  @Option(help: "The context to use instead of the current one.")
  var context: String?

  @Option(name: [.short, .long], help: "The namespace of the objects.")
  var namespace: String?

  func session() throws(CommandFailure) -> Session {
    let environment = ProcessInfo.processInfo.environment
    let configuration = try ConfigurationFile(environment: environment).read()
    let settings = try ConnectionSettings.resolve(
      flags: .init(
        context: context, server: server, namespace: namespace, tokenFile: tokenFile,
        certificateAuthority: certificateAuthority, insecureHTTP: insecureHTTP), environment: environment,
      configuration: configuration)
    let console = Console.standard(environment: environment)
    let endpoint = APIEndpoint(
      settings.server, token: settings.token,
      tls: TLSSettings(certificateAuthorityFile: settings.certificateAuthority),
      allowsInsecureHTTP: settings.allowsInsecureHTTP)
    if endpoint.isInsecure, endpoint.token != .none {
      throw CommandFailure(
        "the token is not sent to \(settings.server): without TLS everybody on the way could read it",
        hint: "Use https://…, or --insecure-http (WRKTALK_INSECURE_HTTP=true) in a network that you trust.")
    }
    let client = ResourceClient(endpoint: endpoint, http: HTTPClient(userAgent: "wrktalkctl/\(ProgramVersion.current)"))
    {
      console.note("Warning: \(printable($0))")
    }
    return Session(client: client, settings: settings, isNamespaceExplicit: namespace != nil, console: console)
  }
}
