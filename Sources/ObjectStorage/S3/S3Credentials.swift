/// Keys for an S3 store. Its texts show the access key, which is a name, and never the secret.
public struct S3Credentials: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
  public var accessKeyID: String
  public var secretAccessKey: String
  /// Of temporary credentials.
  public var sessionToken: String?

  public init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
  }

  public var description: String { "S3Credentials(\(accessKeyID))" }

  public var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}

/// Where the keys for an S3 store come from; AWS's own clients know the same places.
public enum S3CredentialSource: Sendable, Hashable {
  case fixed(S3Credentials)
  /// What the token in a file says who we are is exchanged for the keys of a role (EKS, and any OpenID Connect).
  /// - Parameter endpoint: of AWS's token service.
  case webIdentity(tokenFile: String, role: String, session: String, endpoint: String)
  /// Of a task of ECS or a pod of EKS.
  case container(url: String, authorization: ContainerAuthorization?)
  /// Of the role of an EC2 instance.
  /// - Parameter endpoint: of its metadata.
  case instance(endpoint: String)

  /// What proves to the endpoint that this container asks.
  public enum ContainerAuthorization: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    case token(String)
    /// Read again each time.
    case file(path: String)

    public var description: String { "ContainerAuthorization(redacted)" }

    public var customMirror: Mirror { Mirror(self, children: []) }
  }

  /// For messages.
  var origin: String {
    switch self {
    case .fixed: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    case .webIdentity: "the web identity (AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN)"
    case .container: "the container's credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI or …_RELATIVE_URI)"
    case .instance: "the role of this EC2 instance"
    }
  }
}
