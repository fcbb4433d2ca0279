import DeploymentPlanning
import WireFormats

/// One run of helm, noted beside the lock while it works: by it the revision is recognised that the run made, and may have
/// left in the middle.
struct HelmRun: Sendable, Hashable {
  enum Purpose: Sendable, Hashable {
    /// - Parameter operation: stands as a label on the revision; nil with a Helm that sets none.
    case upgrade(operation: String?)
    /// Takes over the labels of the revision that it returns to, so its description tells it.
    case rollback(to: Int64)
    case uninstall
  }

  /// The newest revision before it; 0 where there was none.
  var base: Int64
  var purpose: Purpose
  /// True once helm has ended by itself: what it left pending then is left for good.
  var hasEnded = false

  /// Whether the run made this revision. Helm hands labels down from revision to revision: the first that bears one was
  /// made with it.
  /// - Parameter description: what Helm's record says, where it was read.
  func made(_ revision: RevisionLabel, among revisions: [RevisionLabel], description: String?) -> Bool {
    guard revision.number > base else { return purpose == .uninstall && revision.number == base }
    switch purpose {
    case .upgrade(let operation?): return revision.operation == operation && revision.isFirstOfItsOperation(revisions)
    case .upgrade(nil): return revision.number == base + 1 && revision.status != .pendingRollback
    case .rollback(let target): return description == HelmReleaseRecord.rollbackDescription(of: target)
    case .uninstall: return false
    }
  }

  // MARK: The note

  init(base: Int64, purpose: Purpose) {
    self.base = base
    self.purpose = purpose
  }

  /// Nil for what `note` did not give.
  init?(note: [UInt8]) {
    guard let json = try? JSONValue(parsing: note), let base = json["base"]?.integer else { return nil }
    self.base = base
    hasEnded = json["hasEnded"]?.bool ?? false
    if let target = json["rollbackTo"]?.integer {
      purpose = .rollback(to: target)
    } else if json["uninstall"]?.bool == true {
      purpose = .uninstall
    } else {
      purpose = .upgrade(operation: json["operation"]?.string)
    }
  }

  var note: [UInt8] {
    var members: [String: JSONValue] = ["base": .integer(base), "hasEnded": .bool(hasEnded)]
    switch purpose {
    case .upgrade(let operation): members["operation"] = operation.map(JSONValue.string)
    case .rollback(let target): members["rollbackTo"] = .integer(target)
    case .uninstall: members["uninstall"] = true
    }
    return JSONValue.object(members).serialized()
  }
}

extension RevisionLabel {
  /// False for one that took its operation's label over from an older one, as those do that somebody makes by hand.
  func isFirstOfItsOperation(_ revisions: [RevisionLabel]) -> Bool {
    operation != nil && !revisions.contains { $0.operation == operation && $0.number < number }
  }
}
