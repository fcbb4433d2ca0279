import Database
import ResourceModel
import Synchronization
import WireFormats

/// One change of the log. What its readers need to know of the object's content is parsed once for all of them.
final class ChangeRecord: Sendable {
  private struct Content: Sendable {
    var object: JSONValue
    var previous: JSONValue?
    /// What watchers are told for which the object stopped matching.
    var lastMatch: StoredObject?
  }

  let kind: String
  let type: WatchEventType
  let revision: Int64
  let object: StoredObject
  private let previous: String?
  private let content: Mutex<Content?> = Mutex(nil)

  /// The columns that `init(_:)` reads, in its order.
  static let columns = "revision, kind, namespace, name, type, uid, object, previous"

  init(_ row: SQLRow) {
    revision = row[0].integer ?? 0
    kind = row[1].text ?? ""
    let key = ObjectKey(namespace: row[2].text ?? "", name: row[3].text ?? "")
    type = row[4].text.flatMap(WatchEventType.init) ?? .modified
    object = StoredObject(
      key: key, uid: row[5].text ?? "", revision: revision, json: Array((row[6].text ?? "").utf8))
    previous = row[7].text
  }

  /// About how much memory the record takes, in bytes.
  var size: Int { object.json.count + (previous?.utf8.count ?? 0) + 300 }

  func isIn(_ scope: WatchScope) -> Bool {
    kind == scope.kind && (scope.namespace.map { $0 == object.key.namespace } ?? true)
  }

  /// What a watcher with this selector is told; nil where the change does not concern it. As in Kubernetes, an object
  /// that begins to match is added and one that stops matching is deleted.
  func change(for matcher: SelectorMatcher) throws -> ObjectChange? {
    guard matcher.matches(object.key) else { return nil }
    if matcher.needsNoObject { return change(type, object) }
    let content = try parsed()
    let matches = matcher.matches(object.key) { content.object }
    let matched = type == .modified && content.previous.map { value in matcher.matches(object.key) { value } } ?? false
    switch (type, matched, matches) {
    case (.modified, true, true): return change(.modified, object)
    case (.modified, true, false): return change(.deleted, content.lastMatch ?? object)
    case (.modified, false, true): return change(.added, object)
    case (_, _, true): return change(type, object)
    case (_, _, false): return nil
    }
  }

  private func change(_ type: WatchEventType, _ object: StoredObject) -> ObjectChange {
    let kind: ObjectChange.Kind =
      switch type {
      case .added: .added
      case .deleted: .deleted
      case .modified, .bookmark, .error: .modified
      }
    return ObjectChange(kind: kind, revision: revision, object: object)
  }

  private func parsed() throws -> Content {
    try content.withLock { content in
      if let content { return content }
      var parsed = Content(object: try object.value())
      if let previous, type == .modified {
        let value = try JSONValue(parsingStored: Array(previous.utf8))
        parsed.previous = value
        parsed.lastMatch = StoredObject(
          key: object.key, uid: object.uid, revision: revision, json: value.stamped(revision).serialized())
      }
      content = parsed
      return parsed
    }
  }
}
