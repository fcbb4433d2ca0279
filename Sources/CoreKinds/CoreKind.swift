public import ResourceModel

/// The kinds of Kubernetes' own that every server of this project serves beside those of its own.
public enum CoreKind {
  public static let definitions = [Event.definition, LeaseKind.definition, NamespaceKind.definition]
}
