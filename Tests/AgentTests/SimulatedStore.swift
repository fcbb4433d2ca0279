import ReleaseManifest
import Synchronization
import WireFormats

@testable import Agent

/// What the Agents of a simulated world keep. It outlives them, and they may die at each call, also between two documents of
/// one write.
struct SimulatedStore: StateStore {
  let world: SimulatedWorld

  var place: String { "the simulated store" }
  var removal: String { "nothing" }

  func load() async throws(RuntimeFailure) -> [String: [UInt8]] {
    world.state.withLock { $0.documents }
  }

  func write(
    _ changes: [(name: String, content: [UInt8]?)], leaving documents: [String: [UInt8]]
  ) async throws(RuntimeFailure) {
    for change in changes {
      try await world.called { state throws(RuntimeFailure) in
        if state.isDiskFull {
          throw RuntimeFailure(
            kind: .transient, reason: "DiskFull", message: "no space is left; free some and it goes on")
        }
        state.documents[change.name] = change.content
        state.writtenDocuments += 1
      }
    }
  }
}
