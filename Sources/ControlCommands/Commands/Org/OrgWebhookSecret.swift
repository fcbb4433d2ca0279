import ArgumentParser
import ResourceClient
import WireFormats

struct OrgWebhookSecret: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "webhook-secret",
    abstract: "Set the secret with which webhooks to a customer are signed, and print it.",
    discussion: """
      Without --secret-file the server makes a new one; one that is there cannot be shown. The one before is replaced at once: \
      the customer's Backend refuses webhooks until it has the new one, and learns of releases by asking meanwhile.
      """)

  @Argument(help: "The organization.")
  var name: String

  @Option(help: "A file that holds the secret, in one line; - is standard input.", completion: .file())
  var secretFile: String?

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let name = try OrganizationName.read(name)
    var body: JSONValue = .object([:])
    if let secretFile { body["secret"] = .string(try Self.secret(secretFile)) }
    let session = try connection.session()
    let client = session.client
    let answer = try await session.request { [body] () async throws(ResourceClientError) in
      try await client.put(path: InternalPath.webhookSecret(name), body: body)
    }
    guard let secret = answer["secret"]?.string else { throw CommandFailure("\(session.server) answered no secret") }
    if secretFile == nil {
      try session.console.write(printable(secret) + "\n")
    } else {
      try session.console.write("the webhook secret of \(printable(name)) is set\n")
    }
    session.console.note(
      "The secret before, if there was one, signs nothing any more: until \(printable(name)) has this one it refuses webhooks, and only asks for releases."
    )
  }

  private static func secret(_ path: String) throws(CommandFailure) -> String {
    let bytes = path == "-" ? try FileText.readStandardInput() : try FileText.read(path)
    var text = String(decoding: bytes, as: UTF8.self)
    while let last = text.last, last.isNewline { text.removeLast() }
    guard !text.isEmpty, !text.contains(where: \.isNewline) else {
      throw CommandFailure("\(printable(path)) must hold the secret in one line")
    }
    return text
  }
}
