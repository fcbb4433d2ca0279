public import HTTPTransport

/// The bucket that the configuration names. Nothing is opened or asked yet.
public func makeBucket(_ configuration: BucketConfiguration, http: HTTPClient) -> any Bucket {
  switch configuration.store {
  case .folder(let path):
    FileBucket(path: path)
  case .s3(let bucket, let region, let endpoint, let credentials):
    S3Bucket(name: bucket, region: region, endpoint: endpoint, credentials: credentials, http: http)
  }
}
