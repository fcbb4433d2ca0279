public import ResourceModel

/// The kinds of the group `deploy.wrktalk.com` that a customer's environment has.
public enum DeploymentKind {
  public static let definitions = [DesiredDeploymentKind.definition]
}
