import FoundationEssentials
import ObjectStorage
import ProgramConfiguration
import ServerPrograms
import Testing

@testable import ControlCenter

@Suite struct ControlCenterConfigurationTests {
  private func configuration(_ environment: [String: String]) throws -> ControlCenterConfiguration {
    try ControlCenterConfiguration(environment: environment, dataFolder: "/data", isEmbedded: true)
  }

  @Test func whatIsSetWithoutWhatItBelongsToIsAnError() throws {
    for (environment, setting, part) in [
      (["GCC_BUCKET_PROVIDER": "minio"], "GCC_BUCKET_NAME", "GCC_BUCKET_PROVIDER is set"),
      (["GCC_BUCKET_ENDPOINT": "http://s3"], "GCC_BUCKET_NAME", "GCC_BUCKET_ENDPOINT is set"),
      (["GCC_OIDC_CLIENT_ID": "x"], "GCC_OIDC_ISSUER", "GCC_OIDC_CLIENT_ID is set"),
      (["SMTP_HOST": "localhost"], "GCC_ADMIN_EMAIL", "SMTP_HOST is set"),
      (["GCC_ADMIN_EMAIL": "a@example.com"], "SMTP_HOST", "GCC_ADMIN_EMAIL is set"),
    ] {
      let error = #expect(throws: ConfigurationError.self) { try configuration(environment) }
      #expect(error?.setting == setting)
      #expect(error?.message.contains(part) == true)
    }
    _ = try configuration([:])
  }

  /// A folder that is misspelt, or not mounted, must not become an empty bucket.
  @Test func onlyTheBucketOfTheDataFolderIsMade() throws {
    #expect(try configuration([:]).embeddedFolders == ["/data/artifacts"])
    let named = try configuration(["GCC_BUCKET_PROVIDER": "file", "GCC_BUCKET_NAME": "/proc/nope"])
    #expect(named.embeddedFolders.isEmpty && !named.isBucketEmbedded)
    let error = #expect(throws: ConfigurationError.self) { try named.bucket.checkFolder(prefix: "GCC_") }
    #expect(error?.description.hasPrefix("GCC_BUCKET_NAME: there is no folder /proc/nope: make it") == true)
  }

  @Test(arguments: [
    ("GCC_BUCKET_PROVDIER", "GCC_BUCKET_PROVIDER"), ("GCC_SECRET_KEY_FIEL", "GCC_SECRET_KEY_FILE"),
    ("GCC_OIDC_ISUER", "GCC_OIDC_ISSUER"), ("SMTP_PASWORD", "SMTP_PASSWORD"),
    ("WRKTALK_LOG_LEVLE", "WRKTALK_LOG_LEVEL"),
  ])
  func whatIsMisspeltIsNamedWithWhatWasMeant(name: String, meant: String) {
    let found = ControlCenterConfiguration.variables.misspelt(in: [name: "x", "PATH": "/bin", "GCC_BUCKET_NAME": "b"])
    #expect(found.map(\.name) == [name])
    #expect(found.map(\.meant) == [meant])
  }

  /// Kubernetes sets such of each Service, and another program's stand in the same shell.
  @Test(arguments: [
    "GCC_SERVICE_HOST", "GCC_SERVICE_PORT", "GCC_PORT_8080_TCP_ADDR", "WRKTALK_GCC_PORT", "WRKTALK_AGENT_BUCKET_NAME",
    "WRKTALK_GCC_SERVICE_HOST", "WRKTALK_VENDOR_PUBLIC_KEY_FILE", "GCCVERSION",
  ])
  func whatOthersSetIsNotTakenForMisspelt(name: String) {
    #expect(ControlCenterConfiguration.variables.misspelt(in: [name: "x"]).isEmpty)
  }

  /// What the README says of settings is what is read.
  @Test func everySettingOfTheREADMEIsKnown() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(decoding: Data(contentsOf: root.appending(path: "README.md")), as: UTF8.self)
    let names = Set(text.matches(of: #/`(GCC_[A-Z_]*[A-Z]|SMTP_[A-Z_]*[A-Z]|CI_TOKEN)`/#).map { String($0.output.1) })
    #expect(names.count > 10)
    for name in names { #expect(ControlCenterConfiguration.variables.contains(name), "\(name)") }
  }
}
