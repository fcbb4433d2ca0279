public import ProgramConfiguration

/// Which bucket to use, as the environment says it.
public struct BucketConfiguration: Sendable, Hashable {
  public enum Store: Sendable, Hashable {
    case folder(path: String)
    /// `endpoint` is nil for AWS.
    case s3(bucket: String, region: String, endpoint: String?, credentials: S3Credentials)
  }

  public var store: Store

  public init(store: Store) { self.store = store }

  /// Reads `BUCKET_PROVIDER` (`s3` where it is missing, as the specification says), `BUCKET_NAME`, `BUCKET_REGION`,
  /// `BUCKET_ENDPOINT` with the prefix, and `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`
  /// with the prefix or without.
  ///
  /// - Parameter prefix: Such as `WRKTALK_AGENT_`.
  public init(environment: [String: String], prefix: String) throws(ConfigurationError) {
    let variables = EnvironmentVariables(environment, prefix: prefix)
    let provider = variables["BUCKET_PROVIDER"] ?? "s3"
    switch provider.lowercased() {
    case "file":
      guard let path = variables["BUCKET_NAME"] else {
        throw variables.wrong("BUCKET_NAME", "is missing: it names the folder")
      }
      guard path.hasPrefix("/"), !path.utf8.contains(0) else {
        throw variables.wrong("BUCKET_NAME", "must be an absolute path of a folder")
      }
      store = .folder(path: path)
    case "s3", "minio":
      store = try Self.s3(variables, isMinIO: provider.lowercased() == "minio")
    case "azure", "gcs":
      throw variables.wrong(
        "BUCKET_PROVIDER", "is \(provider), which is not supported yet: use file, s3 or minio")
    default:
      throw variables.wrong(
        "BUCKET_PROVIDER", "must be file, s3 or minio, not \"\(provider.prefix(40))\"")
    }
  }

  private static func s3(_ variables: EnvironmentVariables, isMinIO: Bool) throws(ConfigurationError) -> Store {
    let prefix = variables.prefix
    guard let bucket = variables["BUCKET_NAME"] else {
      throw variables.wrong(
        "BUCKET_NAME", "is missing: it names the bucket")
    }
    guard isBucketName(bucket) else {
      throw variables.wrong(
        "BUCKET_NAME", "is not a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens")
    }
    let endpoint = try endpoint(variables, isRequired: isMinIO)
    let region = variables["BUCKET_REGION"] ?? variables.shared("AWS_REGION") ?? (endpoint == nil ? nil : "us-east-1")
    guard let region, region.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }) else {
      throw variables.wrong(
        "BUCKET_REGION", "must name the bucket's region, such as us-east-1")
    }
    guard let accessKey = variables.shared("AWS_ACCESS_KEY_ID") else {
      throw ConfigurationError("is missing", setting: "\(prefix)AWS_ACCESS_KEY_ID (or AWS_ACCESS_KEY_ID)")
    }
    guard let secret = variables.shared("AWS_SECRET_ACCESS_KEY") else {
      throw ConfigurationError("is missing", setting: "\(prefix)AWS_SECRET_ACCESS_KEY (or AWS_SECRET_ACCESS_KEY)")
    }
    return .s3(
      bucket: bucket, region: region, endpoint: endpoint,
      credentials: S3Credentials(
        accessKeyID: accessKey, secretAccessKey: secret, sessionToken: variables.shared("AWS_SESSION_TOKEN")))
  }

  private static func endpoint(
    _ variables: EnvironmentVariables, isRequired: Bool
  ) throws(ConfigurationError) -> String? {
    guard var endpoint = variables["BUCKET_ENDPOINT"] else {
      guard !isRequired else {
        throw variables.wrong(
          "BUCKET_ENDPOINT", "is missing: it says where the MinIO server is")
      }
      return nil
    }
    while endpoint.hasSuffix("/") { endpoint.removeLast() }
    let scheme = ["https://", "http://"].first { endpoint.hasPrefix($0) }
    let host = endpoint.dropFirst(scheme?.count ?? 0)
    guard scheme != nil, !host.isEmpty,
      host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"/?#@\\\"<>".utf8.contains($0) })
    else {
      throw variables.wrong(
        "BUCKET_ENDPOINT", "must be http:// or https:// with a host and perhaps a port, and nothing else")
    }
    return endpoint
  }

  private static func isBucketName(_ name: String) -> Bool {
    (3...63).contains(name.utf8.count)
      && name.utf8.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
          || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
      }
      && !name.hasPrefix(".") && !name.hasPrefix("-") && !name.hasSuffix(".") && !name.hasSuffix("-")
      && !name.contains("..")
  }
}
