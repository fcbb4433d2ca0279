import ArgumentParser
import ResourceClient
import Timing
import WireFormats

struct DeploymentSchedule: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedule", abstract: "Say when a release is to be deployed.",
    discussion:
      "A release that is scheduled already gets another time. Without --at and --next-window it is deployed now.")

  @Argument(help: "The release's version, such as 2.3.0, or the deployment's ID.")
  var version: String

  @Option(help: "When, with its zone: 2026-12-15T02:00:00Z.")
  var at: String?

  @Flag(help: "At the beginning of the next maintenance window.")
  var nextWindow = false

  @Option(help: "Why it may be outside the maintenance windows; kept with the deployment.")
  var override: String?

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    if nextWindow, at != nil { throw ValidationError("give --at or --next-window, not both") }
    if let at, Timestamp(at) == nil {
      throw ValidationError("--at \"\(printable(at))\" must be a time with its zone, such as 2026-12-15T02:00:00Z")
    }
  }

  func run() async throws {
    let session = try connection.session()
    let deployment = try await session.releases().deployment(version)
    let time = try await time(session)
    var body: JSONValue = [
      "deploymentId": deployment["id"] ?? .null, "scheduledFor": .string(time.wholeSeconds.description),
    ]
    body["windowOverride"] = override.map { .string($0) }
    let (client, content) = (session.client, body)
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.post(path: AdminPath.schedule, body: content)
    }
    try session.console.write(
      "\(printable(deployment["version"]?.string ?? version)) scheduled for "
        + "\(printable(answer["scheduledFor"]?.string ?? time.wholeSeconds.description))\n")
    await session.noteAbsence(now: SystemTime.now())
  }

  private func time(_ session: Session) async throws(CommandFailure) -> Timestamp {
    if let at, let time = Timestamp(at) { return time }
    guard nextWindow else { return SystemTime.now() }
    let client = session.client
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.get(path: AdminPath.nextWindows(1))
    }
    guard let window = answer["next"]?.array?.first,
      let time = (window.string ?? window["start"]?.string).flatMap({ Timestamp($0) })
    else { throw CommandFailure("there is no maintenance window to come", hint: "give a time with --at") }
    return time
  }
}
