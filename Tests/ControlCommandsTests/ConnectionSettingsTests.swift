import FoundationEssentials
import ResourceClient
import TestSupport
import Testing

@testable import ControlCommands

@Suite struct ConnectionSettingsTests {
  private let configuration = ClientConfiguration(
    currentContext: "here",
    contexts: [
      .init(name: "here", server: "http://here:1", namespace: "shop", tokenFile: "/here.token"),
      .init(name: "there", server: "https://there", token: "t"),
    ])

  private func resolve(
    _ flags: ConnectionSettings.Flags = .init(), _ environment: [String: String] = [:],
    _ configuration: ClientConfiguration? = nil
  ) throws -> ConnectionSettings {
    try ConnectionSettings.resolve(
      flags: flags, environment: environment, configuration: configuration ?? self.configuration)
  }

  @Test func withoutAnythingTheLocalBackendIsMeant() throws {
    let settings = try resolve(.init(), [:], ClientConfiguration())
    #expect(settings == ConnectionSettings(server: "http://127.0.0.1:3000", namespace: "wrktalk", token: .none))
  }

  @Test func flagsWinOverTheEnvironmentAndThatOverTheContext() throws {
    let context = try resolve()
    #expect(context.server == "http://here:1")
    #expect(context.namespace == "shop")
    #expect(context.token == .file(path: "/here.token"))
    let environment = ["WRKTALK_SERVER": "env:2", "WRKTALK_TOKEN": "e"]
    let overridden = try resolve(.init(), environment)
    #expect(overridden.server == "http://env:2")
    #expect(overridden.token == .fixed("e"))
    let flags = try resolve(.init(server: "http://flag", namespace: "n", tokenFile: "/f"), environment)
    #expect(flags.server == "http://flag")
    #expect(flags.namespace == "n")
    #expect(flags.token == .file(path: "/f"))
    #expect(try resolve(.init(context: "there")).token == .fixed("t"))
  }

  @Test(arguments: ["ftp://x", "http://", "http://a?b", "http://a b", "http://u:p@host"])
  func whatIsNoServersAddressIsRefused(server: String) {
    #expect { try ConnectionSettings.checked(server) } throws: { ($0 as? CommandFailure)?.exitCode == 64 }
  }

  @Test func anUnknownContextNamesTheKnownOnes() {
    #expect { try resolve(.init(context: "nowhere")) } throws: {
      ($0 as? CommandFailure)?.hint == "There are: here, there."
    }
  }

  @Test func theFileKeepsContextsReadableOnlyByItsOwner() throws {
    let folder = try TemporaryFolder()
    let file = try ConfigurationFile(environment: ["WRKTALKCTL_CONFIG": folder.file("sub/config.yaml")])
    #expect(try file.read() == ClientConfiguration())
    try file.write(configuration)
    #expect(try file.read() == configuration)
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.file("sub/config.yaml"))
    #expect("\(try #require(attributes[.posixPermissions]))" == "\(0o600)")
  }

  @Test func aDamagedFileIsToldWithItsPlace() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("contexts: [\n", to: "config.yaml")
    let file = try ConfigurationFile(environment: ["WRKTALKCTL_CONFIG": path])
    #expect { try file.read() } throws: { ($0 as? CommandFailure)?.message.contains("config.yaml:") == true }
  }

  @Test(arguments: [["--token", "x"], ["get", "--token=x"]])
  func aTokenAsAnArgumentIsRefused(arguments: [String]) {
    #expect { try Wrktalkctl.refuseToken(arguments) } throws: { ($0 as? CommandFailure)?.exitCode == 64 }
  }

  @Test func otherOptionsAreNoTokens() throws {
    try Wrktalkctl.refuseToken(["--token-file", "x", "--token-stdin"])
  }
}
