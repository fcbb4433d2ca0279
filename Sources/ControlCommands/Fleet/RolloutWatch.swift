import FleetKinds
import ResourceModel
import Synchronization
import Timing
import WireFormats

/// Follows a rollout to its end, and shows how far it is: in place on a terminal, otherwise a line for each change.
struct RolloutWatch {
  let session: Session
  let name: String
  /// Nil for as long as it takes.
  let timeout: Duration?

  private var reference: String { RolloutKind.names.reference(name) }

  /// - Throws: `CommandFailure` where it halts, is deleted, or does not end in time.
  func run() async throws {
    let last = LastProgress()
    let ending: RolloutProgress.Ending?
    if let timeout {
      ending = try await withTimeout(timeout) { try await follow(last) }
    } else {
      ending = try await follow(last)
    }
    let progress = last.value
    switch ending {
    case .completed:
      guard let progress, progress.unjudgedFailures > 0 else { return }
      throw CommandFailure(
        "\(reference) has come to its end, with \(progress.unjudgedFailures) failed in stages whose gate does not say how many may",
        hint: "wrktalkctl fleet failures \(printable(progress.release)) says what failed, and where. maxFailures or "
          + "maxFailuresPercent in a stage's gate says what is to be put up with, and halts what is not.")
    case .halted:
      let reason = printable(progress?.reason ?? "")
      // The server's sentence mostly begins with it.
      let word = reason.hasPrefix("Halted") ? "" : reason.isEmpty ? " halted" : " halted:"
      throw CommandFailure(
        "\(reference)\(word.isEmpty ? ":" : word)\(reason.isEmpty ? "" : " \(reason)")",
        hint: progress.map { progress in
          progress.total[.failed] > 0
            ? "wrktalkctl fleet failures \(printable(progress.release)) says what failed, and where."
            : "wrktalkctl rollout retry \(printable(progress.name)) takes it up again, unless its release was withdrawn."
        })
    case .deprecated:
      throw CommandFailure("\(reference) does not go on: \(printable(progress?.reason ?? ""))")
    case nil:
      let state =
        progress.map { "; it is \($0.phaseText)\($0.reason.isEmpty ? "" : ": \(printable($0.reason))")" } ?? ""
      throw CommandFailure(
        "\(reference) did not end within \(DurationText(timeout ?? .zero))\(state)",
        exitCode: CommandFailure.timeoutExitCode)
    }
  }

  private func follow(_ last: LastProgress) async throws -> RolloutProgress.Ending {
    // Where it changes faster than anybody reads, only the newest is shown.
    let (stream, continuation) = AsyncStream.makeStream(of: RolloutProgress.self, bufferingPolicy: .bufferingNewest(1))
    let names = RolloutKind.names
    let follower = ObjectFollower(session: session, names: names, key: ObjectKey(namespace: "", name: name))
    return try await withThrowingTaskGroup(of: Void.self) { [session, reference] group in
      group.addTask { try await Self.show(stream, session.console) }
      defer { continuation.finish() }
      try await follower.follow { object throws(CommandFailure) in
        guard let object else {
          throw CommandFailure(
            last.value == nil ? "\(reference) does not exist" : "\(reference) was deleted before it ended")
        }
        let progress = RolloutProgress(object)
        last.set(progress)
        continuation.yield(progress)
        return progress.ending != nil
      }
      continuation.finish()
      try await group.waitForAll()
      guard let ending = last.value?.ending else { throw CancellationError() }
      return ending
    }
  }

  private static func show(_ stream: AsyncStream<RolloutProgress>, _ console: Console) async throws {
    var block = LiveBlock(console: console)
    var previous: RolloutProgress?
    for await progress in stream {
      let view = RolloutView(progress: progress, console: console)
      if console.hasLiveBlock {
        let size = Console.terminalSize()
        try block.draw(view.lines(width: size.columns - 1, height: size.rows - 1))
      } else {
        for line in view.changes(since: previous) { try console.write("\(SystemTime.now().wholeSeconds) \(line)\n") }
      }
      previous = progress
      if progress.ending == nil { try? await Task.sleep(for: console.hasLiveBlock ? .milliseconds(100) : .seconds(1)) }
    }
  }
}

/// What was seen last.
private final class LastProgress: Sendable {
  private let state = Mutex<RolloutProgress?>(nil)

  var value: RolloutProgress? { state.withLock { $0 } }
  func set(_ progress: RolloutProgress) { state.withLock { $0 = progress } }
}
