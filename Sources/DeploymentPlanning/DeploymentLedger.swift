import Cryptography
public import DeploymentKinds
import ReleaseManifest
public import ResourceModel
import WireFormats

/// What an Agent itself deployed for one record: that from which it plans. Status shows it and is never read for it, since
/// others can write a status too.
public struct DeploymentLedger: Sendable, Hashable, Codable {
  public var target: DesiredDeploymentStatus.Target?
  public var current: DesiredDeploymentStatus.Current?
  /// Newest first.
  public var history: [DesiredDeploymentStatus.HistoryEntry]?

  /// What a status says of it.
  public init(_ status: DesiredDeploymentStatus?) {
    target = status?.target
    current = status?.current
    history = status?.history.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// True where nothing was begun to be deployed.
  public var isEmpty: Bool { self == DeploymentLedger(nil) }

  /// A status that shows this, whatever it said before; nil where there is nothing to show.
  public func shown(in status: DesiredDeploymentStatus?) -> DesiredDeploymentStatus? {
    if status == nil, isEmpty { return nil }
    var shown = status ?? DesiredDeploymentStatus()
    (shown.target, shown.current, shown.history) = (target, current, history)
    return shown
  }

  /// Equal for equal ledgers.
  public var digest: String {
    guard let value = try? JSONValue(encoding: self) else { return "" }
    return SHA256.digest(of: Array(value.text.utf8)).hexadecimal
  }

  /// Of the manifests that a rollback may need: of the present release first, then the newest.
  public var releaseManifests: [String] {
    let releases = [current?.release].compactMap(\.self) + (history ?? []).map(\.release)
    var found: [String] = []
    for digest in releases.compactMap(\.releaseManifestSha256) where !found.contains(digest) { found.append(digest) }
    return found
  }
}

/// A ledger as it is kept: with the status that was about to be written when it was.
public struct KeptLedger: Sendable, Hashable, Codable {
  /// `NAMESPACE/NAME` of the record, which is told apart from others of that name by its uid.
  public var record: String
  public var uid: String
  /// The whole status. An Agent that ended before it was written goes on from it.
  public var status: DesiredDeploymentStatus
  /// The digest of the ledger before: a status that still shows that one is older, not forged.
  public var previous: String

  public init(record: String, uid: String, status: DesiredDeploymentStatus, previous: String) {
    self.record = record
    self.uid = uid
    self.status = status
    self.previous = previous
  }

  public var ledger: DeploymentLedger { DeploymentLedger(status) }
}

/// A record as its Agent sees it: what was asked for by the server's word, what was deployed by its own.
public struct TrustedRecord: Sendable, Hashable {
  public var object: DesiredDeployment
  /// What is to be said where the server's status is not believed.
  public var events: [DeploymentEvent]

  /// - Parameters:
  ///   - object: as the server has it.
  ///   - kept: what this Agent keeps for it; nil where it keeps nothing.
  ///   - mayAdopt: whether a status is believed where nothing is kept, as the Agents of before left it.
  public init(_ object: DesiredDeployment, kept: KeptLedger?, mayAdopt: Bool) {
    self.object = object
    events = []
    let told = DeploymentLedger(object.status)
    guard let kept else {
      guard !told.isEmpty else { return }
      if mayAdopt {
        events = [
          DeploymentEvent(
            .warning, "StatusAdopted",
            "This Agent keeps no account of what runs, so it takes over what status says of it; from now on it goes by its own"
          )
        ]
        return
      }
      self.object.status = DeploymentLedger(nil).shown(in: object.status)
      events = [
        DeploymentEvent(
          .warning, "StatusNotBelieved",
          "This Agent keeps no account of what runs, and takes nobody else's word for it: it is derived anew from the release "
            + "that the vendor signed")
      ]
      return
    }
    if told == kept.ledger { return }
    if told.digest == kept.previous {
      self.object.status = kept.status
      return
    }
    self.object.status = kept.ledger.shown(in: object.status)
    events = [
      DeploymentEvent(
        .warning, "StatusForged",
        "status says of \(Self.difference(told, kept.ledger)) something else than this Agent wrote: it is put right, and "
          + "nothing else comes of it. See who may write the status of this record")
    ]
  }

  private static func difference(_ told: DeploymentLedger, _ kept: DeploymentLedger) -> String {
    var fields: [String] = []
    if told.target != kept.target { fields.append("target") }
    if told.current != kept.current { fields.append("current") }
    if told.history != kept.history { fields.append("history") }
    return fields.joined(separator: " and ")
  }
}
