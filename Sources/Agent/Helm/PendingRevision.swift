import WireFormats

/// A revision that Helm's history says somebody works on, and whether anybody still does. To be decided while this Agent
/// holds the release's lock, so that no Helm of its own runs.
///
/// | who made it                                        | abandoned                            |
/// |----------------------------------------------------|--------------------------------------|
/// | the run that is noted as not seen to its end       | at once: that Helm is gone           |
/// | an Agent, by the label of an operation             | at once: that Agent has lost the lock |
/// | somebody else, or what took over an Agent's label  | once a Helm would have timed out     |
struct PendingRevision: Sendable, Hashable {
  enum Maker: Sendable, Hashable {
    case notedRun
    case agent
    case somebodyElse
  }

  var maker: Maker
  /// Since it was written.
  var age: Duration

  init(maker: Maker, age: Duration) {
    self.maker = maker
    self.age = age
  }

  /// - Parameters:
  ///   - revisions: all of the release, this one among them.
  ///   - description: what Helm's record says; empty where it cannot be read.
  ///   - run: the one that was not seen to its end, if there is any.
  init(
    _ revision: RevisionLabel, among revisions: [RevisionLabel], description: String, unfinished run: HelmRun?,
    now: Timestamp
  ) {
    if run?.made(revision, among: revisions, description: description) == true {
      maker = .notedRun
    } else {
      maker = revision.isFirstOfItsOperation(revisions) ? .agent : .somebodyElse
    }
    age = now - Timestamp(seconds: revision.writtenAt)
  }

  /// Whether no Helm works on it any more, so that it may be released.
  /// - Parameter timeout: the longest that a Helm works on this release.
  func isAbandoned(after timeout: Duration) -> Bool {
    switch maker {
    case .notedRun, .agent: true
    case .somebodyElse: age > timeout
    }
  }
}
