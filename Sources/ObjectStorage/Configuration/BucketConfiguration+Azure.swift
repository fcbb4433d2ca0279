import ProgramConfiguration

extension BucketConfiguration {
  static func azure(_ variables: EnvironmentVariables) throws(ConfigurationError) -> Store {
    let container = try bucketName(variables, what: "container", allowed: "-")
    let own = try accountEndpoint(variables)
    guard let text = variables.shared("AZURE_CONNECTION_STRING") else {
      guard let own else {
        throw ConfigurationError(
          "is missing: set it, or AZURE_STORAGE_ACCOUNT for a managed identity",
          setting: "\(variables.prefix)AZURE_CONNECTION_STRING (or AZURE_CONNECTION_STRING)")
      }
      return .azure(container: container, endpoint: own, credentials: try identity(variables, for: own))
    }
    let connection: AzureConnectionString
    do throws(AzureConnectionString.Fault) {
      connection = try AzureConnectionString(text)
    } catch {
      let prefix = variables["AZURE_CONNECTION_STRING"] == nil ? "" : variables.prefix
      throw ConfigurationError(error.text, setting: "\(prefix)AZURE_CONNECTION_STRING")
    }
    let endpoint = own ?? connection.endpoint
    if let credentials = connection.credentials {
      return .azure(container: container, endpoint: endpoint, credentials: credentials)
    }
    return .azure(container: container, endpoint: endpoint, credentials: try identity(variables, for: endpoint))
  }

  /// Of `BUCKET_ENDPOINT`, which may have a path here, or of the account.
  private static func accountEndpoint(_ variables: EnvironmentVariables) throws(ConfigurationError) -> String? {
    if let text = variables["BUCKET_ENDPOINT"] {
      guard let endpoint = HTTPEndpoint.normalized(text) else {
        throw variables.wrong(
          "BUCKET_ENDPOINT", "must be http:// or https:// with a host, and perhaps a port and a path")
      }
      return endpoint
    }
    guard let account = variables.shared("AZURE_STORAGE_ACCOUNT") else { return nil }
    // A connection string says more about the account.
    if variables.shared("AZURE_CONNECTION_STRING") != nil { return nil }
    guard AzureConnectionString.isAccount(account) else {
      throw ConfigurationError("must be 3 to 24 lower-case letters and digits", setting: "AZURE_STORAGE_ACCOUNT")
    }
    return "https://\(account).blob.core.windows.net"
  }

  /// A pod's, a service's, a machine's: in the order in which Azure's own clients look.
  private static func identity(
    _ variables: EnvironmentVariables, for endpoint: String
  ) throws(ConfigurationError) -> AzureCredentials {
    guard HTTPEndpoint.isPrivate(endpoint) else {
      throw variables.wrong("BUCKET_ENDPOINT", "must be https: the token of an identity is sent there")
    }
    let client = variables.shared("AZURE_CLIENT_ID")
    if let tokenFile = variables.unprefixed("AZURE_FEDERATED_TOKEN_FILE") {
      guard let tenant = variables.unprefixed("AZURE_TENANT_ID") else {
        throw ConfigurationError(
          "is missing: it names the directory of AZURE_FEDERATED_TOKEN_FILE", setting: "AZURE_TENANT_ID")
      }
      guard let client else {
        throw ConfigurationError(
          "is missing: it names the identity of AZURE_FEDERATED_TOKEN_FILE", setting: "AZURE_CLIENT_ID")
      }
      let authority = try serviceEndpoint(
        variables, "AZURE_AUTHORITY_HOST", standard: "https://login.microsoftonline.com")
      guard HTTPEndpoint.isPrivate(authority) else {
        throw ConfigurationError("must be https: the token is sent there", setting: "AZURE_AUTHORITY_HOST")
      }
      return .identity(.workload(tokenFile: tokenFile, tenant: tenant, client: client, authority: authority))
    }
    if let secret = variables.unprefixed("IDENTITY_HEADER"), variables.unprefixed("IDENTITY_ENDPOINT") != nil {
      let service = try serviceEndpoint(variables, "IDENTITY_ENDPOINT", standard: "")
      return .identity(.appService(endpoint: service, secret: secret, client: client))
    }
    let machine = try serviceEndpoint(
      variables, "AZURE_POD_IDENTITY_AUTHORITY_HOST", standard: "http://169.254.169.254")
    return .identity(.instance(endpoint: machine, client: client))
  }
}
