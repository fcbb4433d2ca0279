/// How a storage account of Azure is told who asks. Its texts show no key.
public enum AzureCredentials: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
  /// A key of the account, which signs every request.
  case sharedKey(account: String, key: [UInt8])
  /// A shared access signature: a query that is added to every address.
  case sharedAccessSignature(String)
  /// A managed identity, or the workload identity of a pod.
  case identity(AzureIdentity)

  public var description: String {
    switch self {
    case .sharedKey(let account, _): "AzureCredentials(key of \(account))"
    case .sharedAccessSignature: "AzureCredentials(shared access signature)"
    case .identity(let identity): "AzureCredentials(\(identity))"
    }
  }

  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where a token for a managed identity comes from; Azure's own clients know the same places.
public enum AzureIdentity: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
  /// What the token in a file says who we are is exchanged for one of Entra ID (AKS, and any OpenID Connect).
  /// - Parameter authority: such as `https://login.microsoftonline.com`.
  case workload(tokenFile: String, tenant: String, client: String, authority: String)
  /// Of an App Service, a Function or a Container App.
  /// - Parameters:
  ///   - secret: the value of `IDENTITY_HEADER`.
  ///   - client: of an identity that the user assigned; nil for the system's.
  case appService(endpoint: String, secret: String, client: String?)
  /// Of a virtual machine.
  /// - Parameter endpoint: of its metadata.
  case instance(endpoint: String, client: String?)

  public var description: String { origin }

  public var customMirror: Mirror { Mirror(self, children: []) }

  /// For messages.
  var origin: String {
    switch self {
    case .workload: "the workload identity (AZURE_FEDERATED_TOKEN_FILE)"
    case .appService: "the managed identity of this service (IDENTITY_ENDPOINT)"
    case .instance: "the managed identity of this machine"
    }
  }
}
