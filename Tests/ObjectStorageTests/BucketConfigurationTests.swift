import ObjectStorage
import ProgramConfiguration
import Testing

@Suite struct BucketConfigurationTests {
  private func configuration(_ environment: [String: String]) throws -> BucketConfiguration {
    try BucketConfiguration(environment: environment, prefix: "WRKTALK_AGENT_")
  }

  private let s3 = [
    "WRKTALK_AGENT_BUCKET_PROVIDER": "s3", "WRKTALK_AGENT_BUCKET_NAME": "customer-wrktalk",
    "WRKTALK_AGENT_BUCKET_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
  ]

  @Test func folderIsNamedByTheBucketName() throws {
    let environment = ["WRKTALK_AGENT_BUCKET_PROVIDER": "file", "WRKTALK_AGENT_BUCKET_NAME": "/var/lib/wrktalk"]
    #expect(try configuration(environment).store == .folder(path: "/var/lib/wrktalk"))
  }

  @Test func s3IsReadFromPrefixedAndPlainVariables() throws {
    let credentials = S3Credentials(accessKeyID: "key", secretAccessKey: "secret")
    #expect(
      try configuration(s3).store
        == .s3(bucket: "customer-wrktalk", region: "eu-west-1", endpoint: nil, credentials: credentials))
    let own = [
      "WRKTALK_AGENT_AWS_ACCESS_KEY_ID": "own", "WRKTALK_AGENT_AWS_SECRET_ACCESS_KEY": "mine", "AWS_SESSION_TOKEN": "t",
    ]
    #expect(
      try configuration(s3.merging(own) { $1 }).store
        == .s3(
          bucket: "customer-wrktalk", region: "eu-west-1", endpoint: nil,
          credentials: S3Credentials(accessKeyID: "own", secretAccessKey: "mine", sessionToken: "t")))
  }

  @Test func providerIsS3WhereNothingIsSaid() throws {
    var environment = s3
    environment["WRKTALK_AGENT_BUCKET_PROVIDER"] = nil
    #expect(try configuration(environment) == configuration(s3))
  }

  @Test func minioNeedsAnEndpointAndNoRegion() throws {
    var environment = s3
    environment["WRKTALK_AGENT_BUCKET_PROVIDER"] = "minio"
    environment["WRKTALK_AGENT_BUCKET_REGION"] = ""
    environment["WRKTALK_AGENT_BUCKET_ENDPOINT"] = "http://minio:9000/"
    #expect(
      try configuration(environment).store
        == .s3(
          bucket: "customer-wrktalk", region: "us-east-1", endpoint: "http://minio:9000",
          credentials: S3Credentials(accessKeyID: "key", secretAccessKey: "secret")))
  }

  @Test(arguments: [
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "gcs"], "WRKTALK_AGENT_BUCKET_PROVIDER"),
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "azure"], "WRKTALK_AGENT_BUCKET_PROVIDER"),
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "ftp"], "WRKTALK_AGENT_BUCKET_PROVIDER"),
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "minio"], "WRKTALK_AGENT_BUCKET_ENDPOINT"),
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "file"], "WRKTALK_AGENT_BUCKET_NAME"),
    (["WRKTALK_AGENT_BUCKET_NAME": ""], "WRKTALK_AGENT_BUCKET_NAME"),
    (["WRKTALK_AGENT_BUCKET_NAME": "Upper_Case"], "WRKTALK_AGENT_BUCKET_NAME"),
    (["WRKTALK_AGENT_BUCKET_NAME": "a/../b"], "WRKTALK_AGENT_BUCKET_NAME"),
    (["WRKTALK_AGENT_BUCKET_REGION": ""], "WRKTALK_AGENT_BUCKET_REGION"),
    (["WRKTALK_AGENT_BUCKET_REGION": "evil.com/"], "WRKTALK_AGENT_BUCKET_REGION"),
    (["WRKTALK_AGENT_BUCKET_ENDPOINT": "minio:9000"], "WRKTALK_AGENT_BUCKET_ENDPOINT"),
    (["WRKTALK_AGENT_BUCKET_ENDPOINT": "http://user:pw@minio"], "WRKTALK_AGENT_BUCKET_ENDPOINT"),
    (["WRKTALK_AGENT_BUCKET_ENDPOINT": "http://minio/path"], "WRKTALK_AGENT_BUCKET_ENDPOINT"),
    (["AWS_ACCESS_KEY_ID": ""], "WRKTALK_AGENT_AWS_ACCESS_KEY_ID (or AWS_ACCESS_KEY_ID)"),
    (["AWS_SECRET_ACCESS_KEY": ""], "WRKTALK_AGENT_AWS_SECRET_ACCESS_KEY (or AWS_SECRET_ACCESS_KEY)"),
  ])
  func wrongVariableIsNamed(change: [String: String], variable: String) {
    let error = #expect(throws: ConfigurationError.self) { try configuration(s3.merging(change) { $1 }) }
    #expect(error?.setting == variable)
    #expect(error?.description.contains("secret") == false)
  }

  @Test func credentialsAreNotShown() throws {
    let configuration = try configuration(s3)
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect(!"\(configuration) \(String(reflecting: configuration)) \(dumped)".contains("secret"))
  }
}
