import ProgramConfiguration

extension BucketConfiguration {
  static func googleCloud(_ variables: EnvironmentVariables) throws(ConfigurationError) -> Store {
    let bucket = try bucketName(variables, what: "bucket", allowed: ".-_")
    let own = try endpoint(variables)
    let endpoint = own ?? GoogleCloudBucket.standardEndpoint
    return .googleCloud(bucket: bucket, endpoint: endpoint, credentials: try credentials(variables, for: endpoint))
  }

  private static func credentials(
    _ variables: EnvironmentVariables, for endpoint: String
  ) throws(ConfigurationError) -> GoogleCredentials {
    if let file = variables.shared("GCS_CREDENTIALS_FILE") {
      guard HTTPEndpoint.isPrivate(endpoint) else {
        throw variables.wrong("BUCKET_ENDPOINT", "must be https: the service account's token is sent there")
      }
      return .serviceAccount(file: file)
    }
    // Only an emulator speaks without TLS, and it asks for nothing.
    if endpoint.hasPrefix("http://") { return .anonymous }
    let host = variables.unprefixed("GCE_METADATA_HOST") ?? "169.254.169.254"
    guard let machine = HTTPEndpoint.normalized("http://\(host)") else {
      throw ConfigurationError("must be a host, and perhaps a port", setting: "GCE_METADATA_HOST")
    }
    return .metadata(endpoint: machine)
  }
}
