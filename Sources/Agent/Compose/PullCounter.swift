import DeploymentKinds
import Synchronization

/// Counts the images that are there, from what `pull` prints.
final class PullCounter: Sendable {
  private let total: Int
  private let pulled = Mutex<Set<String>>([])

  init(total: Int) { self.total = total }

  /// The progress to tell where the line says that another image is there.
  func read(_ line: String) -> DesiredDeploymentStatus.Progress? {
    let text = TerminalText.plain(line)
    let name: Substring
    if let match = text.wholeMatch(of: /\s*(\S+) (?:Pulled|Skipped.*)\s*/) {
      name = match.1
    } else if let match = text.wholeMatch(of: /Pulling (\S+)\s*\.\.\. done\s*/) {
      name = match.1
    } else {
      return nil
    }
    let done: Int? = pulled.withLock { pulled in
      pulled.insert(String(name)).inserted ? pulled.count : nil
    }
    guard let done else { return nil }
    return .init(step: .pulling, done: min(done, total), total: total, message: "pulled \(name), \(done)/\(total)")
  }
}
