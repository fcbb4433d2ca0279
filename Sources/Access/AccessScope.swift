/// What of an object a permitted request may change.
public enum AccessScope: Sendable, Hashable {
  case everything
  /// `metadata.finalizers` alone.
  case finalizers

  /// How the table of permissions names that list, as if it were a subresource.
  public static let finalizersName = "finalizers"

  /// Those of the changed fields that are beyond this scope.
  public func refused(_ changedFields: [String]) -> [String] {
    switch self {
    case .everything: []
    case .finalizers: changedFields.filter { $0 != "metadata.finalizers" }
    }
  }
}
