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
        == .s3(bucket: "customer-wrktalk", region: "eu-west-1", endpoint: nil, credentials: .fixed(credentials)))
    let own = [
      "WRKTALK_AGENT_AWS_ACCESS_KEY_ID": "own", "WRKTALK_AGENT_AWS_SECRET_ACCESS_KEY": "mine", "AWS_SESSION_TOKEN": "t",
    ]
    #expect(
      try configuration(s3.merging(own) { $1 }).store
        == .s3(
          bucket: "customer-wrktalk", region: "eu-west-1", endpoint: nil,
          credentials: .fixed(S3Credentials(accessKeyID: "own", secretAccessKey: "mine", sessionToken: "t"))))
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
          credentials: .fixed(S3Credentials(accessKeyID: "key", secretAccessKey: "secret"))))
  }

  @Test(arguments: [
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "ftp"], "WRKTALK_AGENT_BUCKET_PROVIDER"),
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "minio"], "WRKTALK_AGENT_BUCKET_ENDPOINT"),
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "file"], "WRKTALK_AGENT_BUCKET_NAME"),
    (
      ["WRKTALK_AGENT_BUCKET_PROVIDER": "azure"],
      "WRKTALK_AGENT_AZURE_CONNECTION_STRING (or AZURE_CONNECTION_STRING)"
    ),
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "azure", "WRKTALK_AGENT_BUCKET_NAME": "a.b"], "WRKTALK_AGENT_BUCKET_NAME"),
    (["WRKTALK_AGENT_BUCKET_PROVIDER": "azure", "AZURE_STORAGE_ACCOUNT": "Account"], "AZURE_STORAGE_ACCOUNT"),
    (
      [
        "WRKTALK_AGENT_BUCKET_PROVIDER": "azure", "AZURE_STORAGE_ACCOUNT": "account",
        "AZURE_FEDERATED_TOKEN_FILE": "/token",
      ], "AZURE_TENANT_ID"
    ),
    (
      ["WRKTALK_AGENT_BUCKET_PROVIDER": "gcs", "WRKTALK_AGENT_BUCKET_ENDPOINT": "gcs:1"],
      "WRKTALK_AGENT_BUCKET_ENDPOINT"
    ),
    (
      [
        "WRKTALK_AGENT_BUCKET_PROVIDER": "gcs", "WRKTALK_AGENT_BUCKET_ENDPOINT": "http://gcs:1",
        "GCS_CREDENTIALS_FILE": "/key.json",
      ], "WRKTALK_AGENT_BUCKET_ENDPOINT"
    ),
    (["WRKTALK_AGENT_BUCKET_NAME": ""], "WRKTALK_AGENT_BUCKET_NAME"),
    (["WRKTALK_AGENT_BUCKET_NAME": "Upper_Case"], "WRKTALK_AGENT_BUCKET_NAME"),
    (["WRKTALK_AGENT_BUCKET_NAME": "a/../b"], "WRKTALK_AGENT_BUCKET_NAME"),
    (["WRKTALK_AGENT_BUCKET_REGION": ""], "WRKTALK_AGENT_BUCKET_REGION"),
    (["WRKTALK_AGENT_BUCKET_REGION": "evil.com/"], "WRKTALK_AGENT_BUCKET_REGION"),
    (["WRKTALK_AGENT_BUCKET_ENDPOINT": "minio:9000"], "WRKTALK_AGENT_BUCKET_ENDPOINT"),
    (["WRKTALK_AGENT_BUCKET_ENDPOINT": "http://user:pw@minio"], "WRKTALK_AGENT_BUCKET_ENDPOINT"),
    (["WRKTALK_AGENT_BUCKET_ENDPOINT": "http://minio/path"], "WRKTALK_AGENT_BUCKET_ENDPOINT"),
    (
      ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"],
      "WRKTALK_AGENT_AWS_ACCESS_KEY_ID (or AWS_ACCESS_KEY_ID)"
    ),
    (
      ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"], "AWS_ROLE_ARN"
    ),
    (
      [
        "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://elsewhere.example.com/",
      ], "AWS_CONTAINER_CREDENTIALS_FULL_URI"
    ),
    (["AWS_ACCESS_KEY_ID": ""], "WRKTALK_AGENT_AWS_ACCESS_KEY_ID (or AWS_ACCESS_KEY_ID)"),
    (["AWS_SECRET_ACCESS_KEY": ""], "WRKTALK_AGENT_AWS_SECRET_ACCESS_KEY (or AWS_SECRET_ACCESS_KEY)"),
  ])
  func wrongVariableIsNamed(change: [String: String], variable: String) {
    let error = #expect(throws: ConfigurationError.self) { try configuration(s3.merging(change) { $1 }) }
    #expect(error?.setting == variable)
    #expect(error?.description.contains("secret") == false)
  }

  /// In the order in which AWS's own clients look.
  @Test(arguments: [
    ([:], S3CredentialSource.instance(endpoint: "http://169.254.169.254")),
    (["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[fd00:ec2::254]"], .instance(endpoint: "http://[fd00:ec2::254]")),
    (
      ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1"],
      .container(url: "http://169.254.170.2/v2/credentials/1", authorization: nil)
    ),
    (
      [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/var/run/token",
      ],
      .container(url: "http://169.254.170.23/v1/credentials", authorization: .file(path: "/var/run/token"))
    ),
    (
      [
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/agent",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1",
      ],
      .webIdentity(
        tokenFile: "/var/run/token", role: "arn:aws:iam::1:role/agent", session: "wrktalk",
        endpoint: "https://sts.eu-west-1.amazonaws.com")
    ),
    (
      ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"],
      .fixed(S3Credentials(accessKeyID: "key", secretAccessKey: "secret"))
    ),
  ])
  func keysOfS3ComeFromWhereTheCloudPutsThem(added: [String: String], expected: S3CredentialSource) throws {
    let none = ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""]
    let environment = s3.merging(none) { $1 }.merging(added) { $1 }
    guard case .s3(_, _, _, let credentials) = try configuration(environment).store else {
      Issue.record("another store")
      return
    }
    #expect(credentials == expected)
  }

  private static let accountKey = "c2VjcmV0LWtleQ=="

  @Test(arguments: [
    (
      "DefaultEndpointsProtocol=https;AccountName=wrktalk;AccountKey=\(accountKey);EndpointSuffix=core.windows.net",
      "https://wrktalk.blob.core.windows.net",
      AzureCredentials.sharedKey(account: "wrktalk", key: Array("secret-key".utf8))
    ),
    (
      "BlobEndpoint=http://127.0.0.1:10000/wrktalk;AccountName=wrktalk;AccountKey=\(accountKey);",
      "http://127.0.0.1:10000/wrktalk", .sharedKey(account: "wrktalk", key: Array("secret-key".utf8))
    ),
    (
      "BlobEndpoint=https://wrktalk.blob.core.windows.net/;SharedAccessSignature=?sv=2021&sig=secret%3D",
      "https://wrktalk.blob.core.windows.net", .sharedAccessSignature("sv=2021&sig=secret%3D")
    ),
    (
      "AccountName=wrktalk;EndpointSuffix=core.chinacloudapi.cn", "https://wrktalk.blob.core.chinacloudapi.cn",
      .identity(.instance(endpoint: "http://169.254.169.254", client: nil))
    ),
  ])
  func connectionStringNamesAccountAndKey(text: String, endpoint: String, credentials: AzureCredentials) throws {
    let environment = [
      "WRKTALK_AGENT_BUCKET_PROVIDER": "azure", "WRKTALK_AGENT_BUCKET_NAME": "customer-wrktalk",
      "AZURE_CONNECTION_STRING": text,
    ]
    let configuration = try configuration(environment)
    #expect(configuration.store == .azure(container: "customer-wrktalk", endpoint: endpoint, credentials: credentials))
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect(!"\(configuration) \(String(reflecting: configuration)) \(dumped)".contains("secret"))
    #expect(!dumped.contains("115"), "the bytes of the key")
  }

  @Test(arguments: [
    "secret", "AccountKey=secret", "AccountName=wrktalk;AccountKey=not-secret!", "AccountName=Wrk;AccountKey=c2VjcmV0",
    "AccountName=wrktalk;SharedAccessSignature=secret", "BlobEndpoint=wrktalk;AccountName=secret",
  ])
  func wrongConnectionStringIsNotShown(text: String) {
    let environment = [
      "WRKTALK_AGENT_BUCKET_PROVIDER": "azure", "WRKTALK_AGENT_BUCKET_NAME": "customer-wrktalk",
      "WRKTALK_AGENT_AZURE_CONNECTION_STRING": text,
    ]
    let error = #expect(throws: ConfigurationError.self) { try configuration(environment) }
    #expect(error?.setting == "WRKTALK_AGENT_AZURE_CONNECTION_STRING")
    #expect(error?.description.contains("secret") == false)
  }

  @Test(arguments: [
    (["AZURE_STORAGE_ACCOUNT": "wrktalk"], AzureIdentity.instance(endpoint: "http://169.254.169.254", client: nil)),
    (
      ["AZURE_STORAGE_ACCOUNT": "wrktalk", "IDENTITY_ENDPOINT": "http://10.0.0.1/msi", "IDENTITY_HEADER": "secret"],
      .appService(endpoint: "http://10.0.0.1/msi", secret: "secret", client: nil)
    ),
    (
      [
        "WRKTALK_AGENT_BUCKET_ENDPOINT": "https://wrktalk.blob.core.windows.net", "AZURE_TENANT_ID": "t",
        "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "/token",
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
      ],
      .workload(tokenFile: "/token", tenant: "t", client: "c", authority: "https://login.microsoftonline.com")
    ),
  ])
  func identityOfAzureComesFromWhereTheCloudPutsIt(added: [String: String], identity: AzureIdentity) throws {
    let environment = [
      "WRKTALK_AGENT_BUCKET_PROVIDER": "azure", "WRKTALK_AGENT_BUCKET_NAME": "customer-wrktalk",
    ].merging(added) { $1 }
    #expect(
      try configuration(environment).store
        == .azure(
          container: "customer-wrktalk", endpoint: "https://wrktalk.blob.core.windows.net",
          credentials: .identity(identity)))
  }

  @Test(arguments: [
    ([:], "https://storage.googleapis.com", GoogleCredentials.metadata(endpoint: "http://169.254.169.254")),
    (
      ["GCE_METADATA_HOST": "metadata.google.internal"], "https://storage.googleapis.com",
      .metadata(endpoint: "http://metadata.google.internal")
    ),
    (
      ["WRKTALK_AGENT_GCS_CREDENTIALS_FILE": "/key.json", "GCS_CREDENTIALS_FILE": "/other.json"],
      "https://storage.googleapis.com", .serviceAccount(file: "/key.json")
    ),
    (["WRKTALK_AGENT_BUCKET_ENDPOINT": "http://gcs:4443/"], "http://gcs:4443", .anonymous),
  ])
  func bucketOfGoogleIsReadFromItsVariables(
    added: [String: String], endpoint: String, credentials: GoogleCredentials
  ) throws {
    let environment = ["WRKTALK_AGENT_BUCKET_PROVIDER": "GCS", "WRKTALK_AGENT_BUCKET_NAME": "customer_wrktalk"]
      .merging(added) { $1 }
    #expect(
      try configuration(environment).store
        == .googleCloud(bucket: "customer_wrktalk", endpoint: endpoint, credentials: credentials))
  }

  @Test func credentialsAreNotShown() throws {
    let configuration = try configuration(s3)
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect(!"\(configuration) \(String(reflecting: configuration)) \(dumped)".contains("secret"))
  }
}
