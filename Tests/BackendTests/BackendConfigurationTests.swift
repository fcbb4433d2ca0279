import Glibc
import ProgramConfiguration
import Testing

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
