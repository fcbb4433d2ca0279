import HTTPService
import OfferPlanning
import ResourceModel
import WireFormats

/// Which releases are asked for: `status`, `limit` and `continue` of the query.
struct DeploymentListRequest: Sendable, Hashable {
  enum Section: String, Sendable, CaseIterable { case pending, scheduled, history }

  static let maximumLimit = 200
  private static let defaultLimit = 50

  /// Nil for all.
  var section: Section?
  /// Only releases that stand so.
  var status: LocalDeploymentStatus?
  /// Of the history, and of the releases that wait.
  var limit: Int
  /// Where the history goes on, as the page before has said it.
  var before: (time: Timestamp, id: String)?

  /// - Throws: `StatusError` `badRequest`.
  init(_ query: String?) throws(StatusError) {
    let items = try QueryItems(query)
    let limit = try items.number("limit") ?? Int64(Self.defaultLimit)
    guard (1...Int64(Self.maximumLimit)).contains(limit) else {
      throw StatusError(.badRequest, "the query parameter limit must be from 1 to \(Self.maximumLimit)")
    }
    self.limit = Int(limit)
    if let word = items["status"] {
      section = Section(rawValue: word)
      if section == nil {
        guard let status = LocalDeploymentStatus(rawValue: word) else {
          throw StatusError(
            .badRequest, "the query parameter status must be pending, scheduled, history or the status of a release")
        }
        self.status = status
        section = status.isActive ? .scheduled : .pending
      }
    }
    if let token = items["continue"] {
      let parts = token.split(separator: "/", maxSplits: 1).map(String.init)
      guard parts.count == 2, let time = Timestamp(parts[0]), parts[1].utf8.count <= 128 else {
        throw StatusError(
          .badRequest, "the query parameter continue is not what a page before has said; begin without it")
      }
      before = (time, parts[1])
    }
  }

  static func == (left: Self, right: Self) -> Bool {
    left.section == right.section && left.status == right.status && left.limit == right.limit
      && left.before?.time == right.before?.time && left.before?.id == right.before?.id
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(section)
    hasher.combine(limit)
  }

  func includes(_ section: Section) -> Bool { self.section == nil || self.section == section }
}
