public import ResourceModel

/// The registration of every kind.
public enum AllKinds {
  public static let definitions = [DesiredDeploymentKind.definition, Event.definition, LeaseKind.definition]
}
