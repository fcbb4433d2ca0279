import ResourceClient
import ResourceModel
import Synchronization
import Timing
import WireFormats

/// Waits for an object to come to a goal, telling how far it is.
struct Waiting {
  let session: Session
  let names: ResourceNames
  let key: ObjectKey
  let goal: WaitGoal
  let timeout: Duration

  /// - Throws: `CommandFailure` where the goal is hopeless or the time ran out.
  func run() async throws {
    let follower = ObjectFollower(session: session, names: names, key: key)
    let console = session.console
    let reference = names.reference(key.name)
    let last = LastStanding()
    let isReached: Bool? = try await withTimeout(timeout) { [goal] in
      try await follower.follow { object throws(CommandFailure) in
        switch goal.standing(of: object) {
        case .reached: return true
        case .waiting(let text):
          if last.change(to: text) { console.progress("\(reference): \(text)") }
          return false
        case .hopeless(let text):
          console.endProgress()
          throw CommandFailure("\(reference) will not come to \(goal.text): \(printable(text))")
        }
      }
      return true
    }
    console.endProgress()
    if isReached == nil {
      let state = last.text.map { "; last seen: \($0)" } ?? ""
      throw CommandFailure("\(reference) did not come to \(goal.text) within \(DurationText(timeout))\(state)")
    }
  }
}

/// What was told last, so that it is told once.
private final class LastStanding: Sendable {
  private let state = Mutex<String?>(nil)

  var text: String? { state.withLock { $0 } }

  func change(to text: String) -> Bool {
    state.withLock { last in
      defer { last = text }
      return last != text
    }
  }
}
