import ResourceModel
import WireFormats

/// The objects that a list and the changes since have shown: the state of an informer, as a value.
struct ObjectCache<Object: Equatable & Sendable>: Sendable {
  private(set) var objects: [ObjectKey: Object] = [:]
  /// From which a watch goes on; nil until the first list, and after the server forgot it.
  private(set) var resourceVersion: String?
  private(set) var hasSynced = false

  /// Takes a whole list.
  /// - Returns: every key that came, went or changed; what went while nobody watched is among them.
  mutating func replace(with next: [ObjectKey: Object], resourceVersion: String) -> [ObjectKey] {
    var changed: [ObjectKey] = []
    for (key, object) in next where objects[key] != object { changed.append(key) }
    for key in objects.keys where next[key] == nil { changed.append(key) }
    objects = next
    self.resourceVersion = resourceVersion
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

  /// - Parameter decode: makes of the JSON what is kept; nil where it cannot be read.
  init(_ event: WatchEvent<JSONValue>, decode: (JSONValue) -> Object?) {
    switch event {
    case .added(let value), .modified(let value):
      let version = value["metadata"]?["resourceVersion"]?.string
      self =
        if let object = decode(value) { .store(ObjectKey(value), object, resourceVersion: version) } else {
          .remove(ObjectKey(value), resourceVersion: version)
        }
    case .deleted(let value):
      self = .remove(ObjectKey(value), resourceVersion: value["metadata"]?["resourceVersion"]?.string)
    case .bookmark(let version): self = .advance(resourceVersion: version)
    }
  }
}

extension ObjectKey {
  /// As the object's metadata names it.
  init(_ object: JSONValue) {
    let metadata = object["metadata"]
    self.init(namespace: metadata?["namespace"]?.string ?? "", name: metadata?["name"]?.string ?? "")
  }
}
