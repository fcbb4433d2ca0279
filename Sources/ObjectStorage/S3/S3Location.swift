import WireFormats

/// Where a bucket is: how its name gets into the address.
struct S3Location: Sendable, Hashable {
  /// `https://host`, without a slash at its end.
  let origin: String
  /// As the `Host` header says it.
  let host: String
  /// Before the key: empty, or the bucket's name.
  private let pathPrefix: String

  /// - Parameter endpoint: nil for AWS itself.
  init(bucket: String, region: String, endpoint: String?) {
    if let endpoint {
      origin = endpoint
      host = String(endpoint.drop { $0 != ":" }.dropFirst(3))
      pathPrefix = "/\(bucket)"
    } else if bucket.contains(".") {
      // A dot in the name would need a certificate for more than AWS's wildcard covers.
      host = "s3.\(region).\(Self.domain(of: region))"
      origin = "https://\(host)"
      pathPrefix = "/\(bucket)"
    } else {
      host = "\(bucket).s3.\(region).\(Self.domain(of: region))"
      origin = "https://\(host)"
      pathPrefix = ""
    }
  }

  /// AWS in China is a world of its own.
  static func domain(of region: String) -> String { region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com" }

  /// Percent-encoded; nil for the bucket itself.
  func path(of key: String?) -> String {
    guard let key else { return pathPrefix.isEmpty ? "/" : pathPrefix }
    return pathPrefix + "/" + PercentEncoding.encode(key, keeping: "/")
  }
}
