import ArgumentParser
import Glibc
import ObjectStorage
import OfferPlanning
import ProgramConfiguration
import TestSupport
import Testing
import WireFormats

@testable import Backend
@testable import HTTPService
@testable import ServerPrograms

@Suite struct BackendConfigurationTests {
  @Test func theEmbeddedDatabaseIsTheDefault() throws {
    let configuration = try ServerConfiguration(environment: [:], dataFolder: "data", databaseFile: "wrktalk.db")
    #expect(configuration.databaseURL == "sqlite:data/wrktalk.db")
    let given = try ServerConfiguration(
      environment: ["DATABASE_URL": "b", "WRKTALK_DATABASE_URL": "a"], dataFolder: "data", databaseFile: "wrktalk.db")
    #expect(given.databaseURL == "a")
    let file = try ServerConfiguration(
      environment: ["DATABASE_URL": "sqlite:x\n"], dataFolder: "data", databaseFile: "wrktalk.db")
    #expect(file.databaseURL == "sqlite:x")
  }

  @Test(
    arguments: [
      ([:], "--data-dir"), (["DATABASE_URL": "b"], "DATABASE_URL"),
      (["WRKTALK_DATABASE_URL": "a"], "WRKTALK_DATABASE_URL"),
      (["DATABASE_URL": "b", "WRKTALK_DATABASE_URL": "a"], "WRKTALK_DATABASE_URL"),
      (["DATABASE_URL": "b", "WRKTALK_DATABASE_URL": ""], "DATABASE_URL"),
    ])
  func itIsKnownWhatNamedTheDatabase(environment: [String: String], name: String) throws {
    let configuration = try ServerConfiguration(
      environment: environment, dataFolder: "data", databaseFile: "wrktalk.db")
    #expect(configuration.databaseSource.description == name)
    #expect(configuration.databaseSource.hint.contains(name))
  }

  @Test(arguments: [
    (["WRKTALK_LOG_LEVEL": "loud"], "WRKTALK_LOG_LEVEL"), (["WRKTALK_LOG_FORMAT": "xml"], "WRKTALK_LOG_FORMAT"),
  ])
  func aWrongSettingIsNamed(environment: [String: String], name: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try ServerConfiguration(environment: environment, dataFolder: "data", databaseFile: "wrktalk.db")
    }
    #expect(error?.message.contains(name) == true)
  }

  @Test func aLicenceIsGivenOnce() {
    let error = #expect(throws: ConfigurationError.self) {
      try BackendConfiguration(
        environment: ["WRKTALK_LICENSE": "a", "WRKTALK_LICENSE_FILE": "b"], dataFolder: "/data")
    }
    #expect(error?.message.contains("WRKTALK_LICENSE_FILE") == true)
  }

  /// What would be ignored without a word is an error.
  @Test(
    arguments: [
      (["WRKTALK_GCC_API_KEY": "k"], "WRKTALK_GCC_API_KEY"),
      (["WRKTALK_WEBHOOK_SECRET_FILE": "/f"], "WRKTALK_WEBHOOK_SECRET_FILE"),
      (["WRKTALK_BUCKET_PROVIDER": "minio"], "WRKTALK_BUCKET_NAME"),
      (["WRKTALK_BUCKET_ENDPOINT": "http://s3"], "WRKTALK_BUCKET_NAME"),
      (["WRKTALK_VENDOR_PUBLIC_KEY": "k"], "WRKTALK_ORGANIZATION_NAME"),
    ])
  func whatLacksItsOtherHalfIsNamed(environment: [String: String], name: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try BackendConfiguration(environment: environment, dataFolder: "/data")
    }
    #expect(error?.setting == name, "\(error.map { "\($0)" } ?? "")")
  }

  /// What no DesiredDeployment can hold is found at the start, not with the first release.
  @Test(
    arguments: [
      ("WRKTALK_DEPLOYMENT_NAMESPACE", "Bad_Name"), ("WRKTALK_DEPLOYMENT_NAME", "a b"),
      ("WRKTALK_HELM_RELEASE_NAME", String(repeating: "a", count: 54)), ("WRKTALK_COMPOSE_PROJECT_NAME", "Bad Name"),
      ("WRKTALK_VALUES_PATH", "../../etc"), ("WRKTALK_ENV_PATH", "/config/.env"), ("WRKTALK_ENV_PATH", "a//b"),
    ])
  func aNameThatNoDeploymentCanHaveIsRefused(name: String, text: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try BackendConfiguration(environment: [name: text], dataFolder: "/data")
    }
    #expect(error?.setting == name, "\(error.map { "\($0)" } ?? "")")
  }

  /// A folder that is misspelt, or not mounted, must not become an empty bucket.
  @Test func onlyTheBucketOfTheDataFolderIsMade() throws {
    let embedded = try BackendConfiguration(environment: [:], dataFolder: "/data")
    #expect(embedded.embeddedFolders.contains("/data/bucket"))
    let folder = try TemporaryFolder()
    for (path, problem) in [
      (folder.file("typo"), "there is no folder \(folder.file("typo"))"),
      (try folder.write("", to: "file"), "there is no folder"),
    ] {
      let named = try BackendConfiguration(
        environment: ["WRKTALK_BUCKET_PROVIDER": "file", "WRKTALK_BUCKET_NAME": path], dataFolder: "/data")
      #expect(named.embeddedFolders == ["/data/downloads"])
      let error = #expect(throws: ConfigurationError.self) { try named.bucket.checkFolder(prefix: "WRKTALK_") }
      #expect(error?.setting == "WRKTALK_BUCKET_NAME" && error?.message.contains(problem) == true)
    }
    try BackendConfiguration(
      environment: ["WRKTALK_BUCKET_PROVIDER": "file", "WRKTALK_BUCKET_NAME": folder.path], dataFolder: "/data"
    ).bucket.checkFolder(prefix: "WRKTALK_")
  }

  @Test(arguments: ["mysql://x", "wrktalk.db"])
  func aDatabaseThatCannotBeOneIsNamedFirst(url: String) throws {
    let configuration = try ServerConfiguration(
      environment: ["DATABASE_URL": url], dataFolder: "data", databaseFile: "wrktalk.db")
    let error = #expect(throws: ConfigurationError.self) { try configuration.checkDatabase() }
    #expect(error?.setting == "DATABASE_URL")
    try ServerConfiguration(environment: [:], dataFolder: "data", databaseFile: "wrktalk.db").checkDatabase()
  }

  @Test(
    arguments: [
      ([], false), (["--listen", ":3000"], true), (["--listen", "192.0.2.1:80"], true),
      (["--listen", ":3000", "--trusted-proxy", "10.0.0.0/8"], false), (["--listen", "[::1]:3000"], false),
    ] as [([String], Bool)])
  func whoServesOthersWithoutTLSIsWarned(arguments: [String], isWarned: Bool) throws {
    #expect(try ServiceOptions.parse(arguments).speaksPlainlyToOthers == isWarned)
  }

  /// A wrong key must not pass for none, with which no licence is checked.
  @Test(arguments: [
    ("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n", "is a private key"), ("root:x:0:0", ""),
    (nil, "cannot be read from /key"),
  ])
  func aWrongKeyOfTheVendorsIsFoundAtTheStart(content: String?, problem: String) {
    let source = LicenseSource(license: nil, vendorKey: .file("/key"), read: { _ in content })
    let error = #expect(throws: ConfigurationError.self) { try source.checkKeys() }
    #expect(error?.message.contains(problem) == true)
  }

  @Test func theVendorsAPIKeyIsReadAnew() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("first\n", to: "key")
    let configuration = try BackendConfiguration(
      environment: [
        "WRKTALK_GCC_ENDPOINT": "http://127.0.0.1:1", "WRKTALK_ORGANIZATION_NAME": "x",
        "WRKTALK_GCC_API_KEY_FILE": file,
      ], dataFolder: "/data")
    let vendor = try #require(configuration.vendor)
    #expect(vendor.presentAPIKey == "first")
    try folder.write("second\n", to: "key")
    #expect(vendor.presentAPIKey == "second")
    try folder.write("", to: "key")
    #expect(vendor.presentAPIKey == "first", "which is what it was at the start")
  }

  @Test(arguments: [(nil, nil), ("90", Duration.seconds(90)), ("1h30m", .seconds(5400)), ("24h", .seconds(86_400))])
  func theDeploymentsTimeoutIsRead(text: String?, timeout: Duration?) throws {
    var environment: [String: String] = [:]
    environment["WRKTALK_DEPLOYMENT_TIMEOUT"] = text
    let configuration = try BackendConfiguration(environment: environment, dataFolder: "/data")
    #expect(configuration.deployment.timeout == timeout)
  }

  @Test(arguments: ["9s", "25h", "soon", "-1", "1.5m"])
  func aTimeoutOutOfRangeIsNamedWithItsRange(text: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try BackendConfiguration(environment: ["WRKTALK_DEPLOYMENT_TIMEOUT": text], dataFolder: "/data")
    }
    #expect(error?.setting == "WRKTALK_DEPLOYMENT_TIMEOUT")
    #expect(error?.message.contains("from 10s to 24h") == true, "\(error?.message ?? "")")
  }

  @Test func noticesTellTimesByTheCustomersClocks() throws {
    let night = Timestamp(seconds: 1_734_228_000)
    let configuration = try BackendConfiguration(
      environment: ["WRKTALK_TIME_ZONE": "Europe/Berlin"], dataFolder: "/data")
    #expect(configuration.noticeContext.localTime(night) == "Sun 2024-12-15 03:00 Europe/Berlin")
    #expect(try BackendConfiguration(environment: [:], dataFolder: "/data").noticeContext.localTime(night) == nil)
  }

  @Test(arguments: ["Europe/Atlantis", "../etc/passwd", "localtime"])
  func aZoneThatIsNotThereIsNamed(text: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try BackendConfiguration(environment: ["WRKTALK_TIME_ZONE": text], dataFolder: "/data")
    }
    #expect(error?.setting == "WRKTALK_TIME_ZONE")
  }

  @Test(arguments: [
    ("127.0.0.1:3000", "http://127.0.0.1:3000"), (":80", "http://0.0.0.0:80"), ("[::1]:0", "http://[::1]:0"),
    ("localhost:65535", "http://localhost:65535"),
  ])
  func addressesAreRead(text: String, url: String) {
    let address = ListenAddress(text)
    #expect(address.map { $0.url(port: $0.port) } == url)
  }

  @Test(arguments: [
    ("127.0.0.1:80", EACCES, "127.0.0.1:80: this user may not use port 80. Choose a port from 1024 on with --listen"),
    ("127.0.0.1:3000", EADDRINUSE, "127.0.0.1:3000: another program uses this port."),
    ("[2001:db8::1]:3000", EADDRNOTAVAIL, "[2001:db8::1]:3000: this machine has no such address."),
  ])
  func whyTheServerCannotListenIsSaidWithAddressAndPort(text: String, code: CInt, message: String) throws {
    let refusal = try #require(ListenAddress(text)).refusal(errnoCode: code)
    #expect(refusal?.message.contains("cannot listen on \(message)") == true, "\(refusal?.message ?? "")")
    #expect(refusal?.message.contains("--listen") == true)
  }

  @Test func otherFailuresOfAListenerStayWhatTheyAre() {
    #expect(ListenAddress(host: "127.0.0.1", port: 1).refusal(errnoCode: EMFILE) == nil)
  }

  @Test(arguments: ["", "3000", "host", "host:", "host:x", "host:65536", "::1:80", "host:-1"])
  func whatIsNoAddressIsRefused(text: String) {
    #expect(ListenAddress(text) == nil)
  }
}
