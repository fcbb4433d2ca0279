import FoundationEssentials
import ResourceModel

/// Where the next page of a list begins, and which revision all its pages show. Opaque to clients.
struct ContinueToken: Sendable, Hashable {
  /// The kind and the namespace, nil for all of them, of the list that it goes on with.
  var kind: String
  var namespace: String?
  var revision: Int64
  /// The last object of the page before.
  var last: ObjectKey
  /// How many objects follow; nil where a selector leaves that open.
  var remaining: Int?

  init(kind: String, namespace: String?, revision: Int64, last: ObjectKey, remaining: Int?) {
    self.kind = kind
    self.namespace = namespace
    self.revision = revision
    self.last = last
    self.remaining = remaining
  }

  /// - Throws: 400 where the text is none of ours.
  init(_ text: String) throws(StatusError) {
    guard text.utf8.count <= 4096, let data = Data(base64Encoded: text), !data.contains(0) else { throw Self.invalid }
    let fields = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard fields.count == 7, fields[0] == "v3", let revision = Int64(fields[1]), revision > 0 else {
      throw Self.invalid
    }
    let remaining = Int(fields[2])
    guard fields[2].isEmpty || remaining.map({ $0 >= 0 }) == true else { throw Self.invalid }
    self.init(
      kind: String(fields[3]), namespace: fields[4] == Self.all ? nil : String(fields[4]), revision: revision,
      last: ObjectKey(namespace: String(fields[5]), name: String(fields[6])), remaining: remaining)
  }

  var text: String {
    let fields = [
      "v3", String(revision), remaining.map(String.init) ?? "", kind, namespace ?? Self.all, last.namespace,
      last.name,
    ]
    return Data(fields.joined(separator: "\n").utf8).base64EncodedString()
  }

  /// - Throws: 400 where the token goes on with another list: what follows its last object there would pass for the rest.
  func check(kind: String, namespace: String?) throws(StatusError) {
    guard kind == self.kind, namespace == self.namespace else {
      throw StatusError(.badRequest, "continue key belongs to another list; start this one without it")
    }
  }

  /// Instead of a namespace; none has such a name.
  private static let all = "*"

  private static let invalid = StatusError(.badRequest, "continue key is not valid; start the list again without it")
}
