import DeploymentKinds
import ObjectStorage
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// Where a bundle comes from and who signed it, with the real programs.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct ArtifactSourceTests {
  @Test(.needs(.s3)) func aReleaseComesFromAnS3Bucket() async throws {
    try await CustomerEnvironment.use { environment in
      let endpoint = try Testbed.location(of: .s3)
      let key = Testbed.variable("WRKTALK_TEST_S3_ACCESS_KEY") ?? "testkey"
      let secret = Testbed.variable("WRKTALK_TEST_S3_SECRET_KEY") ?? "testsecret"
      let settings = [
        "WRKTALK_AGENT_BUCKET_PROVIDER": "minio", "WRKTALK_AGENT_BUCKET_NAME": environment.project,
        "WRKTALK_AGENT_BUCKET_ENDPOINT": endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
      ]
      try await CustomerEnvironment.command(
        "curl", "-fsS", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "\(key):\(secret)", "-X", "PUT",
        "\(endpoint)/\(environment.project)")
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      let configuration = try BucketConfiguration(environment: settings, prefix: "WRKTALK_AGENT_")
      let bucket = makeBucket(configuration, http: environment.http)
      for name in [artifact.path, "config/.env"] {
        try await bucket.put(name, .file(path: environment.folder.file("bucket/\(name)")))
      }

      try await environment.startAgent(settings)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      let ready = try await environment.waitUntilReady()
      #expect(ready.status?.current?.release.configPath == "config/.env.v1.0.0")
      #expect(try await bucket.head("config/.env.v1.0.0") != nil)
      for name in [artifact.path, "config/.env", "config/.env.v1.0.0"] { try await bucket.delete(name) }
      try await CustomerEnvironment.command(
        "curl", "-fsS", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "\(key):\(secret)", "-X", "DELETE",
        "\(endpoint)/\(environment.project)")
    }
  }
}
