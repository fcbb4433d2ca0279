import Accounts
import ArgumentParser
import Audit
import Cryptography
import Database
import FoundationEssentials
import KeyFiles
import Licensing
import ResourceModel
import ServerPrograms
import Timing
import WireFormats

/// `wrktalk-gcc license`.
struct LicenseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "license", abstract: "Sign, list and revoke the licences of customers.",
    discussion: """
      A licence is a token that a customer's Backend and Agent check by themselves, with the vendor's public key. What is issued \
      reaches the customer with the answer to its next heartbeat, or as a file.

        wrktalk-gcc license key create license.key       # once; license.key.pub goes to every customer
        wrktalk-gcc license issue acme --expires 365d --key license.key
      """,
    subcommands: [
      LicenseKeyCommand.self, LicenseIssueCommand.self, LicenseListCommand.self, LicenseShowCommand.self,
      LicenseRevokeCommand.self,
    ])
}

extension LicenseLedger {
  fileprivate init(_ database: any Database) {
    self.init(database: database, makeID: { UUID().uuidString.lowercased() }, now: SystemTime.now)
  }
}

/// Who runs a command, as records name it.
private let operatorName = "wrktalk-gcc license"

extension AuditedActor {
  /// Who runs a command on the server's machine.
  static var command: AuditedActor { AuditedActor(CommandActor.current, in: AuditLedger(now: SystemTime.now)) }
}

// MARK: The key

struct LicenseKeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "The key that licences are signed with; it signs nothing else.",
    subcommands: [LicenseKeyCreateCommand.self, LicenseKeyShowCommand.self])
}

struct LicenseKeyCreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a key, and beside it FILE.pub with its public part.",
    discussion: """
      To replace a key, add the new public part to the file of keys that customers have (WRKTALK_VENDOR_PUBLIC_KEY_FILE, one after \
      the other), then issue with the new one. Licences by the old one stay valid until its part is taken out there.
      """)

  @Argument(help: "The file of the private key.", completion: .file())
  var file: String

  @Flag(help: "Encrypt the key with a passphrase.")
  var encrypt = false

  @OptionGroup var passphrase: PassphraseOptions

  func run() throws {
    let secret = try encrypt || passphrase.isGiven ? passphrase.passphrase(of: "the new key", isNew: true) : nil
    let key = Ed25519.PrivateKey()
    try PrivateKeyFile.create(key, at: file, passphrase: secret)
    do {
      try SmallFile.create(key.publicKey.pem, at: "\(file).pub")
    } catch {
      try? FileManager.default.removeItem(atPath: file)
      throw error
    }
    StandardOutput.write(line: "key \(LicenseKeys.id(of: key.publicKey)): \(file), and \(file).pub for customers")
    if secret == nil {
      StandardError.write(
        line: "note: the key is not encrypted: whoever reads the file can sign; --encrypt encrypts it")
    }
  }
}

struct LicenseKeyShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print the public part of a private key, and its id on standard error.")

  @OptionGroup var signing: LicenseSigningOptions

  func run() throws {
    let key = try signing.read().publicKey
    StandardError.write(line: "key \(LicenseKeys.id(of: key))")
    StandardOutput.write(line: String(key.pem.dropLast()))
  }
}

/// The private key that a command needs.
struct LicenseSigningOptions: ParsableArguments {
  @Option(help: "The private key's file; else GCC_LICENSE_KEY_FILE names it.", completion: .file())
  var key: String?

  @OptionGroup var passphrase: PassphraseOptions

  func read() throws -> Ed25519.PrivateKey {
    let named = ProcessInfo.processInfo.environment["GCC_LICENSE_KEY_FILE"].flatMap { $0.isEmpty ? nil : $0 }
    guard let path = key ?? named else {
      throw ValidationError("name the private key's file: --key FILE, or GCC_LICENSE_KEY_FILE")
    }
    let found = try PrivateKeyFile.read(path) { () throws(KeyFileError) in try passphrase.passphrase(of: path) }
    if PrivateKeyFile.isReadableByOthers(path) {
      StandardError.write(line: "warning: others may read the private key \(path): chmod 600 it")
    }
    return found
  }
}

// MARK: Licences

struct LicenseIssueCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue",
    abstract: "Sign a licence and print its token; a customer that is online has it within minutes.")

  @Argument(help: "The organization.")
  var organization: String

  @Option(
    parsing: .unconditional,
    help: "How long it is valid, such as 365d, until when, such as 2027-12-31T23:59:59Z, or never.")
  var expires: String

  @Option(help: "From when on it is valid, such as 2027-01-01T00:00:00Z; at once by default.")
  var notBefore: String?

  @Option(
    help: """
      The installation that it is for, as the customer's Backend names it (GET /api/admin/license); by default it is for each of \
      the organization's.
      """)
  var installation: String?

  @Option(help: "The edition, for people.")
  var edition: String?

  @Option(parsing: .singleValue, help: "NAME=VALUE: a limit, for people; may be given several times.")
  var limit: [String] = []

  @OptionGroup var signing: LicenseSigningOptions

  @OptionGroup var data: DataOptions<ControlCenterProgram>

  func run() async throws {
    let terms = try Self.terms(
      organization: organization, installation: installation, notBefore: notBefore, expires: expires, edition: edition,
      limits: limit, now: SystemTime.now())
    let key = try signing.read()
    let issued = try await data.withDatabase(creates: false) { database in
      try await LicenseLedger(database).issue(terms, with: key, by: operatorName, audit: .command)
    }
    guard StandardOutput.writes(line: issued.token) else {
      throw ValidationError(
        "the token could not be written to standard output; wrktalk-gcc license show \(issued.license.id) prints it")
    }
    StandardError.write(line: "the licence \(issued.license.id) of \(organization)")
  }

  static func terms(
    organization: String, installation: String?, notBefore: String?, expires: String, edition: String?,
    limits: [String], now: Timestamp
  ) throws -> LicenseTerms {
    func time(_ text: String, _ option: String) throws -> Timestamp {
      guard let time = Timestamp(text) else {
        throw ValidationError("\(option) must be a time such as 2027-12-31T23:59:59Z")
      }
      return time
    }
    var terms = LicenseTerms(organization: organization, installation: installation, edition: edition)
    terms.notBefore = try notBefore.map { try time($0, "--not-before") }
    if let span = Duration(lifetime: expires) {
      terms.expiresAt = ((terms.notBefore ?? now) + span).wholeSeconds
    } else if expires != "never" {
      guard let moment = Timestamp(expires) else {
        throw ValidationError(
          "--expires must be a span of time: \(Duration.lifetimeForms); a time: 2027-12-31T23:59:59Z; or never")
      }
      terms.expiresAt = moment
    }
    for limit in limits {
      let parts = limit.split(separator: "=", maxSplits: 1).map { String($0) }
      guard parts.count == 2 else { throw ValidationError("--limit \(limit): must be NAME=VALUE") }
      terms.limits[parts[0]] = Int64(parts[1]).map { .integer($0) } ?? .string(parts[1])
    }
    return terms
  }
}

struct LicenseListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Show which licences were issued, the newest first.")

  @Argument(help: "The organization; all by default.")
  var organization: String?

  @OptionGroup var data: DataOptions<ControlCenterProgram>

  func run() async throws {
    let organization = organization
    let licenses = try await data.withDatabase(creates: false) { try await LicenseLedger($0).list(organization) }
    for line in Self.lines(licenses, now: SystemTime.now()) { StandardOutput.write(line: line) }
  }

  static func lines(_ licenses: [IssuedLicense], now: Timestamp) -> [String] {
    let rows =
      [["ID", "ORGANIZATION", "STATUS", "EXPIRES", "INSTALLATION", "KEY"]]
      + licenses.map { issued in
        let license = issued.license
        return [
          license.id, license.organization, issued.status(at: now),
          license.expiresAt.map { "\($0.wholeSeconds)" } ?? "never", license.installation ?? "any", license.keyID ?? "",
        ]
      }
    let widths = (0..<6).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "   ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }
}

struct LicenseShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print a licence's token, and what it says on standard error.")

  @Argument(help: "The licence's id, as list shows it.")
  var id: String

  @OptionGroup var data: DataOptions<ControlCenterProgram>

  func run() async throws {
    let id = id
    let issued = try await data.withDatabase(creates: false) { try await LicenseLedger($0).find(id) }
    StandardError.write(line: String(decoding: issued.json.serialized(indented: true), as: UTF8.self))
    StandardOutput.write(line: issued.token)
  }
}

struct LicenseRevokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Send a licence to nobody any more, and offer nothing by it.",
    discussion: """
      A customer that has the token can go on using it until it expires: it is checked without asking anybody. Issue one with an earlier \
      end to shorten it there.
      """)

  @Argument(help: "The licence's id, as list shows it.")
  var id: String

  @Option(help: "Why, for people.")
  var reason: String?

  @OptionGroup var data: DataOptions<ControlCenterProgram>

  func run() async throws {
    let (id, reason) = (id, reason)
    let issued = try await data.withDatabase(creates: false) {
      try await LicenseLedger($0).revoke(id, by: operatorName, reason: reason, audit: .command)
    }
    StandardOutput.write(line: "revoked \(id) of \(issued.license.organization)")
  }
}
