public import HTTPTransport

/// The bucket that the configuration names. Nothing is opened or asked yet.
public func makeBucket(_ configuration: BucketConfiguration, http: HTTPClient) -> any Bucket {
  let access = StoreAccess(http: http)
  return switch configuration.store {
  case .folder(let path):
    FileBucket(path: path)
  case .s3(let bucket, let region, let endpoint, let credentials):
    S3Bucket(name: bucket, region: region, endpoint: endpoint, credentials: credentials, access: access)
  case .azure(let container, let endpoint, let credentials):
    AzureBucket(container: container, endpoint: endpoint, credentials: credentials, access: access)
  case .googleCloud(let bucket, let endpoint, let credentials):
    GoogleCloudBucket(name: bucket, endpoint: endpoint, credentials: credentials, access: access)
  }
}
