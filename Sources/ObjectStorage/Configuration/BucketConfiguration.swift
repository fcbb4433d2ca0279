import Files
public import ProgramConfiguration

/// Which bucket to use, as the environment says it.
public struct BucketConfiguration: Sendable, Hashable {
  public enum Store: Sendable, Hashable {
    case folder(path: String)
    /// `endpoint` is nil for AWS.
    case s3(bucket: String, region: String, endpoint: String?, credentials: S3CredentialSource)
    /// `endpoint` is the account's blob service.
    case azure(container: String, endpoint: String, credentials: AzureCredentials)
    case googleCloud(bucket: String, endpoint: String, credentials: GoogleCredentials)
  }

  public var store: Store

  public init(store: Store) { self.store = store }

  /// Without the prefix: what is read from the variables that begin with it.
  public static let names: Set<String> = [
    "BUCKET_PROVIDER", "BUCKET_NAME", "BUCKET_REGION", "BUCKET_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "AWS_REGION", "AZURE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT", "AZURE_CLIENT_ID",
    "GCS_CREDENTIALS_FILE",
  ]

  /// Reads `BUCKET_PROVIDER` (`s3` where it is missing, as the specification says), `BUCKET_NAME`, `BUCKET_REGION` and
  /// `BUCKET_ENDPOINT` with the prefix, and the credentials of the provider with the prefix or without: `AWS_…`, `AZURE_…`,
  /// `GCS_CREDENTIALS_FILE`. What the clouds themselves put into the environment of a pod, task or machine has no prefix.
  ///
  /// - Parameter prefix: Such as `WRKTALK_AGENT_`.
  public init(environment: [String: String], prefix: String) throws(ConfigurationError) {
    let variables = EnvironmentVariables(environment, prefix: prefix)
    let provider = variables["BUCKET_PROVIDER"] ?? "s3"
    switch provider.lowercased() {
    case "file": store = try Self.folder(variables)
    case "s3": store = try Self.s3(variables, isMinIO: false)
    case "minio": store = try Self.s3(variables, isMinIO: true)
    case "azure": store = try Self.azure(variables)
    case "gcs": store = try Self.googleCloud(variables)
    default:
      throw variables.wrong(
        "BUCKET_PROVIDER", "must be s3, minio, azure, gcs or file, not \"\(provider.prefix(40))\"")
    }
  }

  /// A folder that is not there is not made: what is misspelt, or not mounted, would become an empty bucket.
  /// - Throws: `ConfigurationError` where the bucket is such a folder.
  public func checkFolder(prefix: String) throws(ConfigurationError) {
    guard case .folder(let path) = store else { return }
    do throws(FileFault) {
      _ = try Directory(path: path)
    } catch {
      throw ConfigurationError(
        error.isNotFound
          ? "there is no folder \(path): make it, mount what belongs there, or correct the name"
          : "the folder \(path) cannot be opened: \(error.text)", setting: "\(prefix)BUCKET_NAME")
    }
  }

  private static func folder(_ variables: EnvironmentVariables) throws(ConfigurationError) -> Store {
    guard let path = variables["BUCKET_NAME"] else {
      throw variables.wrong("BUCKET_NAME", "is missing: it names the folder")
    }
    guard path.hasPrefix("/"), !path.utf8.contains(0) else {
      throw variables.wrong("BUCKET_NAME", "must be an absolute path of a folder")
    }
    return .folder(path: path)
  }

  // MARK: What the providers have in common

  /// - Parameter allowed: beside lower-case letters and digits.
  static func bucketName(
    _ variables: EnvironmentVariables, what: String, allowed: String
  ) throws(ConfigurationError) -> String {
    guard let name = variables["BUCKET_NAME"] else {
      throw variables.wrong("BUCKET_NAME", "is missing: it names the \(what)")
    }
    let isLetterOrDigit = { (byte: UInt8) in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    guard (3...63).contains(name.utf8.count),
      name.utf8.allSatisfy({ isLetterOrDigit($0) || allowed.utf8.contains($0) }),
      name.utf8.first.map(isLetterOrDigit) == true, name.utf8.last.map(isLetterOrDigit) == true, !name.contains("..")
    else {
      let signs = allowed.map { ["-": "hyphens", ".": "dots", "_": "underscores"][$0] ?? "" }.joined(separator: ", ")
      throw variables.wrong(
        "BUCKET_NAME",
        "is not a \(what) name: 3 to 63 lower-case letters, digits and \(signs), letters or digits at its ends")
    }
    return name
  }

  /// Nil where it is not set.
  static func endpoint(_ variables: EnvironmentVariables) throws(ConfigurationError) -> String? {
    guard let text = variables["BUCKET_ENDPOINT"] else { return nil }
    guard let endpoint = HTTPEndpoint.normalized(text), !endpoint.dropFirst(8).contains("/") else {
      throw variables.wrong(
        "BUCKET_ENDPOINT", "must be http:// or https:// with a host and perhaps a port, and nothing else")
    }
    return endpoint
  }

  /// Of a service that hands out credentials, by the variable that its cloud sets.
  static func serviceEndpoint(
    _ variables: EnvironmentVariables, _ name: String, standard: String
  ) throws(ConfigurationError) -> String {
    guard let text = variables.unprefixed(name) else { return standard }
    guard let endpoint = HTTPEndpoint.normalized(text) else {
      throw ConfigurationError("must be http:// or https:// with a host", setting: name)
    }
    return endpoint
  }
}
