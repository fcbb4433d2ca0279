/// One change that a watch reports.
public enum WatchEvent<Object: Sendable>: Sendable {
  case added(Object)
  case modified(Object)
  /// The object as it was before it went.
  case deleted(Object)
  /// Everything up to this version was sent.
  case bookmark(resourceVersion: String)

  public func map<Other, Failure>(_ transform: (Object) throws(Failure) -> Other) throws(Failure) -> WatchEvent<Other> {
    switch self {
    case .added(let object): .added(try transform(object))
    case .modified(let object): .modified(try transform(object))
    case .deleted(let object): .deleted(try transform(object))
    case .bookmark(let version): .bookmark(resourceVersion: version)
    }
  }
}

extension WatchEvent: Equatable where Object: Equatable {}
