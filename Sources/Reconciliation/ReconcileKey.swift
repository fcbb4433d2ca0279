/// What a controller is asked to reconcile: only the name of an object, never its content, which each pass reads anew.
public protocol ReconcileKey: Hashable, Sendable {
  /// Nil for an object without a namespace.
  var namespace: String? { get }
  var name: String { get }
}

/// The key of an object in a namespace.
public struct NamespacedName: ReconcileKey, Comparable, CustomStringConvertible {
  public var namespace: String?
  public var name: String

  public init(namespace: String?, name: String) {
    self.namespace = namespace
    self.name = name
  }

  public var description: String { namespace.map { "\($0)/\(name)" } ?? name }

  public static func < (left: NamespacedName, right: NamespacedName) -> Bool {
    (left.namespace ?? "", left.name) < (right.namespace ?? "", right.name)
  }
}
