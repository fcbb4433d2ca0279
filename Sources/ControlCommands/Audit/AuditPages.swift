import AuditChain
import ResourceClient
import WireFormats

/// The audit of a server, page by page, the oldest entries first.
struct AuditPages {
  struct Page {
    var records: [AuditRecord]
    /// Where the chain ended when the page was read.
    var head: (sequence: Int64, digest: String)?
  }

  static let path = "/api/admin/audit"
  private static let limit = 500

  private let session: Session
  private let filter: String
  /// What the next page begins after; nil before the first.
  private var token: String?
  private var isAtEnd = false

  init(_ session: Session, filter: [(name: String, value: String?)] = []) {
    self.session = session
    self.filter = filter.compactMap { name, value in value.map { "&\(name)=\(PercentEncoding.encode($0))" } }.joined()
  }

  /// Nil after the last page.
  mutating func next() async throws(CommandFailure) -> Page? {
    if isAtEnd { return nil }
    let after = token.map { "&continue=\(PercentEncoding.encode($0))" } ?? ""
    let (client, path) = (session.client, "\(Self.path)?limit=\(Self.limit)\(filter)\(after)")
    let answer = try await session.request { () async throws(ResourceClientError) in try await client.get(path: path) }
    guard let entries = answer["entries"]?.array else {
      throw CommandFailure("\(session.server) answered no audit", hint: "Is it a customer's server (wrktalk-backend)?")
    }
    var records: [AuditRecord] = []
    for entry in entries {
      guard let record = AuditRecord(json: entry) else {
        throw CommandFailure("\(session.server) answered an entry that this version of wrktalkctl cannot read")
      }
      records.append(record)
    }
    token = answer["continue"]?.string
    isAtEnd = token == nil
    let head = answer["head"]
    return Page(
      records: records,
      head: head?["sequence"]?.integer.flatMap { sequence in head?["digest"]?.string.map { (sequence, $0) } })
  }
}
