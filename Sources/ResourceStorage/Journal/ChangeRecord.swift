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

  /// An object as the journal holds it.
  private struct Content: Sendable {
    var text: String
    var offset: Int64

    func object(
      _ key: ObjectKey, uid: String, revision: Int64, _ table: (any ObjectTable)?
    ) -> StoredObject {
      table?.object(key, uid: uid, revision: revision, content: text, offset: offset)
        ?? StoredObject(key: key, uid: uid, revision: revision, text: Array(text.utf8), versionOffset: Int(offset))
    }
  }

  /// For how many selectors the answer is remembered.
  private static let rememberedAnswers = 16

  let kind: String
  let type: WatchEventType
  let revision: Int64
  let object: StoredObject
  let mark: ChangeMark
  private let previous: Content?
  private let table: (any ObjectTable)?
  private let answers: Mutex<[ObjectSelector: Answer]> = Mutex([:])

  /// The columns that `init(_:)` reads, in its order. Of a deletion the journal keeps only what the object was before.
  static func columns(withPrevious: Bool) -> String {
    """
    revision, kind, namespace, name, type, uid, CASE WHEN type = 'DELETED' THEN previous ELSE object END, \
    CASE WHEN type = 'DELETED' THEN previous_version_offset ELSE version_offset END, \
    \(withPrevious ? "CASE WHEN type = 'MODIFIED' THEN previous END" : "NULL"), previous_version_offset, written_at
    """
  }

  /// - Parameter tables: by kind. What is of no kind among them is nobody's here.
  init(_ row: SQLRow, _ tables: [String: any ObjectTable] = [:]) {
    let revision = row[0].integer ?? 0
    self.revision = revision
    kind = row[1].text ?? ""
    table = tables[kind]
    let key = ObjectKey(namespace: row[2].text ?? "", name: row[3].text ?? "")
    let uid = row[5].text ?? ""
    type = row[4].text.flatMap(WatchEventType.init) ?? .modified
    let content = Content(text: row[6].text ?? "", offset: row[7].integer ?? 0)
    let object = content.object(key, uid: uid, revision: revision, table)
    self.object = type == .deleted ? object.under(revision) : object
    previous = row[8].text.map { Content(text: $0, offset: row[9].integer ?? 0) }
    mark = ChangeMark(revision: revision, writtenAt: row[10].integer ?? 0, uid: uid)
  }

  /// About how much memory the record takes, in bytes: nothing that is parsed is kept.
  var size: Int { object.text.count + (previous?.text.utf8.count ?? 0) + 1000 }

  private var previousObject: StoredObject? {
    previous?.object(object.key, uid: object.uid, revision: revision, table)
  }

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
      return change(.deleted, (previousObject ?? object).under(revision))
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
      if type == .modified, let previous = previousObject {
        matched = matcher.matches(object.key) { previous.valueOrMetadata }
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
