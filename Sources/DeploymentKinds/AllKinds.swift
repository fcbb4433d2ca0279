public import ResourceModel

/// The registration of every kind. A new kind goes to the end: its place is the version of its table's migration.
public enum AllKinds {
  public static let definitions = [
    DesiredDeploymentKind.definition, Event.definition, LeaseKind.definition, NamespaceKind.definition,
  ]
}
