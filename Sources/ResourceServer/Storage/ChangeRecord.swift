import Database
import ResourceModel
import Synchronization
import WireFormats

/// One change of the log. What a selector makes of it is found out once for all watchers that have the same.
final class ChangeRecord: Sendable {
  /// What a watcher is told.
  private enum Answer: Sendable {
    case nothing
    case change(WatchEventType)
    /// It no longer matches: it is deleted, as it was before.
    case previous
  }

  /// For how many selectors the answer is remembered.
  private static let rememberedAnswers = 16

  let kind: String
  let type: WatchEventType
  let revision: Int64
  let object: StoredObject
  let mark: ChangeMark
  private let previous: String?
  private let answers: Mutex<[ObjectSelector: Answer]> = Mutex([:])

  /// The columns that `init(_:)` reads, in its order. Of a deletion the log keeps only what the object was before.
  static func columns(withPrevious: Bool) -> String {
    """
    revision, kind, namespace, name, type, uid, CASE WHEN type = 'DELETED' THEN previous ELSE object END, \
    \(withPrevious ? "CASE WHEN type = 'MODIFIED' THEN previous END" : "NULL"), written_at
    """
  }

  init(_ row: SQLRow) {
    revision = row[0].integer ?? 0
    kind = row[1].text ?? ""
    let key = ObjectKey(namespace: row[2].text ?? "", name: row[3].text ?? "")
    let uid = row[5].text ?? ""
    type = row[4].text.flatMap(WatchEventType.init) ?? .modified
    let stored = StoredObject(key: key, uid: uid, revision: revision, json: Array((row[6].text ?? "").utf8))
    object = type == .deleted ? stored.stamped() : stored
    previous = row[7].text
    mark = ChangeMark(revision: revision, writtenAt: row[8].integer ?? 0, uid: uid)
  }

  /// About how much memory the record takes, in bytes: nothing that is parsed is kept.
  var size: Int { object.json.count + (previous?.utf8.count ?? 0) + 1000 }

  func isIn(_ scope: WatchScope) -> Bool {
    kind == scope.kind && (scope.namespace.map { $0 == object.key.namespace } ?? true)
  }

  /// What a watcher with this selector is told; nil where the change does not concern it. As in Kubernetes, an object
  /// that begins to match is added and one that stops matching is deleted.
  func change(for matcher: SelectorMatcher) -> ObjectChange? {
    guard matcher.matches(object.key) else { return nil }
    if matcher.needsNoObject { return change(type, object) }
    switch answer(for: matcher) {
    case .nothing: return nil
    case .change(let type): return change(type, object)
    case .previous:
      let before = StoredObject(
        key: object.key, uid: object.uid, revision: revision, json: Array((previous ?? "").utf8))
      return change(.deleted, before.stamped())
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

  private func answer(for matcher: SelectorMatcher) -> Answer {
    answers.withLock { answers in
      if let known = answers[matcher.selector] { return known }
      let matches = matcher.matches(object.key) { object.valueOrMetadata }
      var matched = false
      if type == .modified, let previous {
        let before = StoredObject(key: object.key, uid: object.uid, revision: revision, json: Array(previous.utf8))
        matched = matcher.matches(object.key) { before.valueOrMetadata }
      }
      let answer: Answer =
        switch (type, matched, matches) {
        case (.modified, true, false): .previous
        case (.modified, false, true): .change(.added)
        case (_, _, true): .change(type)
        case (_, _, false): .nothing
        }
      if answers.count < Self.rememberedAnswers { answers[matcher.selector] = answer }
      return answer
    }
  }
}

extension StoredObject {
  /// The object under its `revision`. One that cannot be read any more is shown by its metadata.
  func stamped() -> StoredObject {
    StoredObject(key: key, uid: uid, revision: revision, json: valueOrMetadata.stamped(revision).serialized())
  }

  /// The object; of one that cannot be read any more (an earlier version took what is nested too deeply) what its row
  /// says.
  var valueOrMetadata: JSONValue {
    if let value = try? value() { return value }
    return [
      "metadata": [
        "name": .string(key.name), "namespace": .string(key.namespace), "uid": .string(uid),
        "resourceVersion": .string(String(revision)),
      ]
    ]
  }
}
