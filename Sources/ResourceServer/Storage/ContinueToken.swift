import FoundationEssentials
import ResourceModel

/// Where the next page of a list begins, and which revision all its pages show. Opaque to clients.
struct ContinueToken: Sendable, Hashable {
  var revision: Int64
  /// The last object of the page before.
  var last: ObjectKey
  /// How many objects follow; nil where a selector leaves that open.
  var remaining: Int?

  init(revision: Int64, last: ObjectKey, remaining: Int?) {
    self.revision = revision
    self.last = last
    self.remaining = remaining
  }

  /// - Throws: 400 where the text is none of ours.
  init(_ text: String) throws(StatusError) {
    guard text.utf8.count <= 2048, let data = Data(base64Encoded: text) else { throw Self.invalid }
    let fields = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard fields.count == 5, fields[0] == "v1", let revision = Int64(fields[1]), revision > 0 else {
      throw Self.invalid
    }
    self.init(
      revision: revision, last: ObjectKey(namespace: String(fields[3]), name: String(fields[4])),
      remaining: Int(fields[2]))
  }

  var text: String {
    let fields = ["v1", String(revision), remaining.map(String.init) ?? "", last.namespace, last.name]
    return Data(fields.joined(separator: "\n").utf8).base64EncodedString()
  }

  private static let invalid = StatusError(.badRequest, "continue key is not valid; start the list again without it")
}
