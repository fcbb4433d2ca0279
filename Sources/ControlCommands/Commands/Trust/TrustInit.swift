import ArgumentParser
import Cryptography
import FoundationEssentials
import KeyFiles
import ReleaseManifest
import Timing
import WireFormats

#if canImport(Glibc)
  import Glibc
#endif

struct TrustInit: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make the first keys and version 1 of the trust root.",
    discussion: """
      Examples:
        wrktalkctl trust init --product wrktalk --dir trust
        wrktalkctl trust init --product wrktalk --dir trust --root-keys 3 --root-threshold 2 --timestamp --encrypt
        wrktalkctl trust init --product wrktalk --dir trust --add release=hardware.pub.pem

      With --add a key that was made elsewhere takes the place of one that would be made; the command gets its public part only.
      """)

  @Option(help: "The product that the keys sign for.")
  var product: String

  @Option(help: "The folder for the keys and the trust root: a new one, or an empty one.", completion: .directory)
  var dir: String

  @Option(help: "How many root keys are made.")
  var rootKeys = 1

  @Option(help: "How many root keys have to sign a trust root.")
  var rootThreshold = 1

  @Option(help: "How many release keys are made.")
  var releaseKeys = 1

  @Option(help: "How many release keys have to sign a release.")
  var releaseThreshold = 1

  @Flag(help: "Make a key for timestamp statements too; Agents then deploy nothing new without a fresh one.")
  var timestamp = false

  @Option(
    parsing: .singleValue,
    help: "ROLE=FILE: a public key that was made elsewhere, for root, release or timestamp. May be given several times."
  )
  var add: [Assignment] = []

  @Option(
    parsing: .unconditional, help: "How long the trust root is valid, such as 365d (the default), or until when.",
    transform: Expiry.parse)
  var expires = Expiry.days(365)

  @Flag(help: "Encrypt the private keys with a passphrase.")
  var encrypt = false

  @OptionGroup var passphrase: PassphraseOptions

  func run() async throws {
    let console = TrustCommand.console
    var keys: [(role: TrustRoot.Role, key: Ed25519.PublicKey)] = []
    for assignment in add { keys.append((try assignment.role(), try KeyFile.readPublic(assignment.value))) }
    try Self.checkFolder(dir)
    let isEncrypted = encrypt || passphrase.isGiven
    let secret = try isEncrypted ? passphrase.read(for: "the new keys", isNew: true) : nil
    var made: [(name: String, role: TrustRoot.Role, key: Ed25519.PrivateKey)] = []
    for (role, count) in [(TrustRoot.Role.root, rootKeys), (.release, releaseKeys), (.timestamp, timestamp ? 1 : 0)] {
      // Those that were made elsewhere stand in for the usual one.
      let count = count == 1 && keys.contains { $0.role == role } ? 0 : count
      guard (0...TrustRoot.maximumKeyCount).contains(count) else {
        throw CommandFailure("\(count) \(role.rawValue) keys cannot be made", exitCode: CommandFailure.usageExitCode)
      }
      for number in 0..<count {
        let key = Ed25519.PrivateKey()
        made.append((count == 1 ? "\(role.rawValue).key" : "\(role.rawValue)-\(number + 1).key", role, key))
        keys.append((role, key.publicKey))
      }
    }
    let now = SystemTime.now().wholeSeconds
    var roles: [TrustRoot.Role: TrustRoot.Authority] = [:]
    for (role, threshold) in [(TrustRoot.Role.root, rootThreshold), (.release, releaseThreshold), (.timestamp, 1)] {
      let ids = Set(keys.filter { $0.role == role }.map(\.key.id))
      if !ids.isEmpty { roles[role] = TrustRoot.Authority(keys: ids, threshold: threshold) }
    }
    let root = TrustRoot(
      product: product, version: 1, issuedAt: now, expires: try expires.moment(from: now), keys: keys.map(\.key),
      roles: roles)
    // What is wrong with it is found by reading it.
    _ = try TrustFile.reading("the trust root") { () throws(TrustError) in try TrustRoot(payload: root.payload) }
    var envelope = Envelope(payloadType: .root, payload: root.payload)
    for entry in made where entry.role == .root { envelope.sign(with: entry.key) }
    try write(made, envelope, secret)
    try console.write(
      Self.report(
        folder: dir, root: root, made: made.map { ($0.name, $0.role, $0.key.publicKey.id) }, isEncrypted: isEncrypted)
    )
    let missing = rootThreshold - envelope.signers(among: root.keys(of: .root)).count
    if missing > 0 {
      console.note(
        "The trust root is not valid yet: \(missing) more root \(missing == 1 ? "key has" : "keys have") to sign it with "
          + "wrktalkctl trust sign \(printable(dir))/root.json.")
    }
  }

  /// The folder may be there, and empty.
  private static func checkFolder(_ path: String) throws(CommandFailure) {
    guard Self.exists(path) else { return }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw CommandFailure("\(printable(path)) is not a folder that can be read")
    }
    guard names.isEmpty else {
      throw CommandFailure(
        "the folder \(printable(path)) is not empty, and no key is overwritten",
        hint: "Choose a new folder; wrktalkctl trust rotate replaces keys.")
    }
  }

  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0
  }

  /// A new folder appears with all that is in it, or not at all. One that is there stays the same, as a shell may be in it.
  private func write(
    _ keys: [(name: String, role: TrustRoot.Role, key: Ed25519.PrivateKey)], _ root: Envelope, _ secret: [UInt8]?
  ) throws(CommandFailure) {
    var path = dir
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    let isNew = !Self.exists(path)
    let folder = isNew ? "\(path).\(UInt32.random(in: 0 ... .max)).partial" : path
    if isNew, unsafe mkdir(folder, 0o700) != 0 { throw cannotBeMade() }
    var written: [String] = []
    do throws(CommandFailure) {
      for entry in keys {
        try KeyFile.create(entry.key, at: "\(folder)/\(entry.name)", passphrase: secret)
        written.append(entry.name)
      }
      try NewFile.create(root.text + "\n", at: "\(folder)/root.json")
      written.append("root.json")
      if isNew, unsafe rename(folder, path) != 0 { throw cannotBeMade() }
    } catch {
      for name in written { try? FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
      if isNew { unsafe rmdir(folder) }
      throw error
    }
  }

  private func cannotBeMade() -> CommandFailure {
    CommandFailure("the folder \(printable(dir)) cannot be made: \(Self.words(errno))")
  }

  private static func words(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }

  static func report(
    folder: String, root: TrustRoot, made: [(name: String, role: TrustRoot.Role, id: KeyID)], isEncrypted: Bool
  ) -> String {
    var rows = [["root.json", "", "give it to every customer, by a way that they trust; it holds no secret"]]
    for entry in made {
      let advice =
        switch entry.role {
        case .root: "keep it offline and have a copy elsewhere: it alone can replace keys"
        case .release: "for whoever signs releases, such as CI; replaced by the root key when lost or stolen"
        case .timestamp: "for a machine that signs every few days that the news is fresh"
        }
      rows.append([entry.name, entry.id.short, advice])
    }
    return
      "Made version \(root.version) of the trust root of \(printable(root.product)), valid until \(root.expires), in "
      + "\(printable(folder)):\n" + TextTable.render(header: ["FILE", "KEY", "WHAT TO DO WITH IT"], rows: rows)
      + (isEncrypted ? "" : "The keys are not encrypted: whoever reads the files can sign. --encrypt encrypts them.\n")
  }
}
