import ArgumentParser
import FleetKinds
import ReleaseManifest
import ResourceClient
import WireFormats

struct ReleasePublish: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish", abstract: "Publish a draft: from then on it never changes, and rollouts may offer it.",
    discussion: """
      Where a Rollout names the release, that decides who is offered it and when. Where none does, everyone is, at once: so \
      apply the Rollout first, with wrktalkctl rollout start.
      """)

  @OptionGroup var options: ReleaseTransitionOptions

  func run() async throws { try await options.run("publish") }
}

struct ReleaseDeprecate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deprecate", abstract: "Offer a release to nobody any more; who runs it goes on running it.")

  @OptionGroup var options: ReleaseTransitionOptions

  func run() async throws { try await options.run("deprecate") }
}

struct ReleaseWithdraw: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "withdraw", abstract: "Take a faulty release back: halt its rollouts, and take back every open offer.",
    discussion: "Customers that have deployed it already keep it until they are offered another.")

  @OptionGroup var options: ReleaseTransitionOptions

  func run() async throws { try await options.run("withdraw") }
}

/// What the commands that change a release's state have in common.
struct ReleaseTransitionOptions: ParsableArguments {
  @Argument(help: "The release's version, such as 2.3.0.")
  var version: String

  @OptionGroup var connection: ConnectionOptions

  func run(_ action: String) async throws {
    let version = try ReleaseName.read(version)
    let session = try connection.session()
    let client = session.client
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.post(path: InternalPath.release(version, action), body: .object([:]))
    }
    try session.console.write("\(ReleaseReference.text(answer, version))\n")
  }
}

/// Releases as a command line names them.
enum ReleaseName {
  /// `2.3.0`, `v2.3.0`, `release/2.3.0`.
  static func read(_ word: String) throws(CommandFailure) -> String {
    var name = word[...]
    if let slash = name.lastIndex(of: "/") {
      guard try ResourceArguments([word]).resource == ReleaseKind.names else {
        throw CommandFailure("\"\(printable(word))\" is not a release", exitCode: CommandFailure.usageExitCode)
      }
      name = name[name.index(after: slash)...]
    }
    if name.first == "v" { name.removeFirst() }
    guard SemanticVersion(String(name)) != nil else {
      throw CommandFailure(
        "\"\(printable(word))\" is not a version", hint: "Name the release by its version, such as 2.3.0.",
        exitCode: CommandFailure.usageExitCode)
    }
    return String(name)
  }
}
