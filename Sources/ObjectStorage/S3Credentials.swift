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
