import ResourceModel

/// The objects that a list and the changes since have shown: the state of an informer, as a value.
struct ObjectCache<Object: Sendable & Equatable>: Sendable {
  private(set) var objects: [ObjectKey: Object] = [:]
  /// From which a watch goes on; nil until the first list, and after the server forgot it.
  private(set) var resourceVersion: String?
  private(set) var hasSynced = false

  /// Takes a whole list.
  /// - Returns: every key that came, went or changed; what went while nobody watched is among them.
  mutating func replace(with list: [ObjectKey: Object], resourceVersion version: String) -> [ObjectKey] {
    var changed: [ObjectKey] = []
    for (key, object) in list where objects[key] != object { changed.append(key) }
    for key in objects.keys where list[key] == nil { changed.append(key) }
    objects = list
    resourceVersion = version
    hasSynced = true
    return changed.sorted()
  }

  /// Takes one change.
  /// - Returns: the key it is about.
  mutating func apply(_ change: CacheChange<Object>) -> ObjectKey? {
    switch change {
    case .store(let key, let object, let version):
      objects[key] = object
      resourceVersion = version ?? resourceVersion
      return key
    case .remove(let key, let version):
      objects[key] = nil
      resourceVersion = version ?? resourceVersion
      return key
    case .advance(let version):
      resourceVersion = version
      return nil
    }
  }

  /// The version is too old for the server: only a new list helps. The objects stay until it is there.
  mutating func forgetVersion() { resourceVersion = nil }
}

/// What a change of a watch does to the copy.
enum CacheChange<Object: Sendable>: Sendable {
  case store(ObjectKey, Object, resourceVersion: String?)
  /// Also where an object was changed into something that this program cannot read.
  case remove(ObjectKey, resourceVersion: String?)
  case advance(resourceVersion: String)
}
