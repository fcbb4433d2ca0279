import Cryptography
import Database
import FoundationEssentials
import Licensing
import Processes
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// `wrktalk-gcc license`, from nothing to a licence that a customer's program reads.
@Suite(.timeLimit(.minutes(5))) struct LicenseCommandTests {
  @Test(
    arguments: [
      ("365d", nil, "2028-01-15T08:00:00Z"), ("24h", "2027-06-01T00:00:00Z", "2027-06-02T00:00:00Z"),
      ("2027-12-31T23:59:59Z", nil, "2027-12-31T23:59:59Z"), ("never", nil, nil),
    ] as [(String, String?, String?)])
  func timesAndLimitsAreRead(expires: String, notBefore: String?, end: String?) throws {
    let terms = try LicenseIssueCommand.terms(
      organization: "acme", installation: nil, notBefore: notBefore, expires: expires, edition: nil,
      limits: ["users=500", "support=gold=1"], now: FleetFixture.start)
    #expect(terms.expiresAt == end.flatMap { Timestamp($0) })
    #expect(terms.limits == ["users": 500, "support": "gold=1"])
  }

  @Test(arguments: [("soon", nil, "a=1"), ("1d", "soon", "a=1"), ("1d", nil, "a")] as [(String, String?, String)])
  func aWrongCommandLineIsRefused(expires: String, notBefore: String?, limit: String) {
    #expect(throws: (any Error).self) {
      try LicenseIssueCommand.terms(
        organization: "acme", installation: nil, notBefore: notBefore, expires: expires, edition: nil, limits: [limit],
        now: FleetFixture.start)
    }
  }

  private struct Answer {
    var isSuccess: Bool
    var output: String
    var errors: String
  }

  private func run(_ folder: TemporaryFolder, _ arguments: String...) async throws -> Answer {
    var environment = [
      "HOME": folder.path, "PATH": "/usr/bin:/bin", "GCC_LICENSE_KEY_FILE": folder.file("license.key"),
    ]
    if let path = Testbed.variable("LD_LIBRARY_PATH") { environment["LD_LIBRARY_PATH"] = path }
    let result = try await ChildProcess.run(
      executable: Testbed.program("wrktalk-gcc"), arguments: ["license"] + arguments, environment: environment,
      workingDirectory: folder.path, timeout: .seconds(120))
    return Answer(
      isSuccess: result.status.isSuccess, output: result.standardOutput.text, errors: result.standardError.text)
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self)
  }

  @Test func aKeyIsMadeOnceAndSignsWhatCustomersRead() async throws {
    let folder = try TemporaryFolder()
    try folder.write("secret\n", to: "passphrase")
    try folder.write("wrong\n", to: "wrong")
    let key = folder.file("license.key")
    #expect(try await run(folder, "key", "create", "license.key", "--passphrase-file", "passphrase").isSuccess)
    let again = try await run(folder, "key", "create", "license.key")
    #expect(!again.isSuccess && again.errors.contains("nothing is overwritten"), "\(again.errors)")
    #expect(Ed25519.PrivateKey.isEncrypted(pem: try text(key)))
    #expect(try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int == 0o600)
    let keys = try LicenseKeys(parsing: try text("\(key).pub"))
    let shown = try await run(folder, "key", "show", "--passphrase-file", "passphrase")
    #expect(try LicenseKeys(parsing: shown.output) == keys && shown.errors.contains(keys.ids[0]))

    try FileManager.default.createDirectory(
      atPath: folder.file("wrktalk-data"), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let database = try await openDatabase("sqlite:\(folder.file("wrktalk-data"))/gcc.db")
    try await Migrator(ControlCenterProgram.migrations) { "2026-01-01T00:00:00Z" }.migrate(database)
    try await database.transaction(.write) { connection in
      _ = try connection.execute("INSERT INTO organizational_service (name) VALUES ('acme')")
    }
    await database.close()
    let locked = try await run(folder, "issue", "acme", "--expires", "30d", "--passphrase-file", "wrong")
    #expect(!locked.isSuccess && locked.errors.contains("the passphrase is wrong"), "\(locked.errors)")
    let issued = try await run(
      folder, "issue", "acme", "--expires", "30d", "--installation", "i-1", "--passphrase-file", "passphrase")
    let license = try License(token: issued.output, keys: keys)
    #expect(license.organization == "acme" && license.installation == "i-1", "\(issued.errors)")
    #expect(issued.errors.contains(license.id))
    #expect(try await run(folder, "show", license.id).output == issued.output)
    let list = try await run(folder, "list", "acme").output
    #expect(list.contains(license.id) && list.contains("valid") && !list.contains(issued.output.prefix(40)))
    #expect(try await run(folder, "revoke", license.id, "--reason", "test").isSuccess)
    #expect(try await run(folder, "list").output.contains("revoked"))
    let nobody = try await run(folder, "list", "nobody")
    #expect(!nobody.isSuccess && nobody.errors.contains("nobody") && nobody.output.isEmpty, "\(nobody.errors)")
    #expect(try await !run(folder, "issue", "nobody", "--expires", "1d", "--passphrase-file", "passphrase").isSuccess)
  }
}
