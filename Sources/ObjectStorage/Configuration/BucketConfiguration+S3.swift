import ProgramConfiguration

extension BucketConfiguration {
  static func s3(_ variables: EnvironmentVariables, isMinIO: Bool) throws(ConfigurationError) -> Store {
    let bucket = try bucketName(variables, what: "bucket", allowed: ".-")
    let endpoint = try endpoint(variables)
    if isMinIO, endpoint == nil {
      throw variables.wrong("BUCKET_ENDPOINT", "is missing: it says where the MinIO server is")
    }
    let region = variables["BUCKET_REGION"] ?? variables.shared("AWS_REGION") ?? (endpoint == nil ? nil : "us-east-1")
    guard let region, !region.isEmpty,
      region.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
    else {
      throw variables.wrong("BUCKET_REGION", "must name the bucket's region, such as us-east-1")
    }
    return .s3(
      bucket: bucket, region: region, endpoint: endpoint,
      credentials: try credentials(variables, region: region, isMinIO: isMinIO))
  }

  /// In the order in which AWS's own clients look: keys, a web identity, the container's, the instance's.
  private static func credentials(
    _ variables: EnvironmentVariables, region: String, isMinIO: Bool
  ) throws(ConfigurationError) -> S3CredentialSource {
    let (accessKey, secret) = (variables.shared("AWS_ACCESS_KEY_ID"), variables.shared("AWS_SECRET_ACCESS_KEY"))
    if let accessKey, let secret {
      return .fixed(
        S3Credentials(
          accessKeyID: accessKey, secretAccessKey: secret, sessionToken: variables.shared("AWS_SESSION_TOKEN")))
    }
    if isMinIO || accessKey != nil || secret != nil {
      let name = accessKey == nil ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY"
      throw ConfigurationError("is missing", setting: "\(variables.prefix)\(name) (or \(name))")
    }
    if let source = try webIdentity(variables, region: region) { return source }
    if let source = try container(variables) { return source }
    if variables.unprefixed("AWS_EC2_METADATA_DISABLED")?.lowercased() == "true" {
      throw ConfigurationError(
        "is missing, and AWS_EC2_METADATA_DISABLED forbids to ask the instance for keys",
        setting: "\(variables.prefix)AWS_ACCESS_KEY_ID (or AWS_ACCESS_KEY_ID)")
    }
    return .instance(
      endpoint: try serviceEndpoint(
        variables, "AWS_EC2_METADATA_SERVICE_ENDPOINT", standard: "http://169.254.169.254"))
  }

  private static func webIdentity(
    _ variables: EnvironmentVariables, region: String
  ) throws(ConfigurationError) -> S3CredentialSource? {
    guard let tokenFile = variables.unprefixed("AWS_WEB_IDENTITY_TOKEN_FILE") else { return nil }
    guard let role = variables.unprefixed("AWS_ROLE_ARN") else {
      throw ConfigurationError("is missing: it names the role of AWS_WEB_IDENTITY_TOKEN_FILE", setting: "AWS_ROLE_ARN")
    }
    let endpoint = try serviceEndpoint(
      variables, "AWS_ENDPOINT_URL_STS", standard: "https://sts.\(region).\(S3Location.domain(of: region))")
    guard HTTPEndpoint.isPrivate(endpoint) else {
      throw ConfigurationError("must be https: the token is sent there", setting: "AWS_ENDPOINT_URL_STS")
    }
    let session = variables.unprefixed("AWS_ROLE_SESSION_NAME") ?? "wrktalk"
    guard (2...64).contains(session.utf8.count),
      session.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "_+=,.@-".contains($0)) })
    else {
      throw ConfigurationError(
        "must have 2 to 64 letters, digits and signs of _+=,.@-", setting: "AWS_ROLE_SESSION_NAME")
    }
    return .webIdentity(tokenFile: tokenFile, role: role, session: session, endpoint: endpoint)
  }

  private static func container(_ variables: EnvironmentVariables) throws(ConfigurationError) -> S3CredentialSource? {
    let authorization: S3CredentialSource.ContainerAuthorization? =
      if let file = variables.unprefixed("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        .file(path: file)
      } else {
        variables.unprefixed("AWS_CONTAINER_AUTHORIZATION_TOKEN").map { .token($0) }
      }
    if let path = variables.unprefixed("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
      guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw ConfigurationError("must be a path", setting: "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
      }
      return .container(url: "http://169.254.170.2\(path)", authorization: authorization)
    }
    let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
    guard let url = variables.unprefixed(name) else { return nil }
    let host = url.dropFirst(7).prefix { $0 != "/" && $0 != "?" }
    let isLocal = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"].contains {
      host == $0 || host.hasPrefix("\($0):")
    }
    guard url.hasPrefix("https://") || (url.hasPrefix("http://") && (isLocal || HTTPEndpoint.isPrivate(url))),
      url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") })
    else {
      throw ConfigurationError("must be https, or an address of this machine or of its container agent", setting: name)
    }
    return .container(url: url, authorization: authorization)
  }
}
