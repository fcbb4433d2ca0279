import ArgumentParser
import Cryptography
import FoundationEssentials
import KeyFiles
import ReleaseManifest
import Timing
import WireFormats

/// What the next version of a trust root is to differ in.
struct RootChangeOptions: ParsableArguments {
  @Option(help: "The present trust root.", completion: .file())
  var root: String

  @Option(
    parsing: .singleValue, help: "ROLE=FILE: makes a new key for root, release or timestamp, in this file.")
  var new: [Assignment] = []

  @Option(parsing: .singleValue, help: "ROLE=FILE: adds the public key in this file.")
  var add: [Assignment] = []

  @Option(
    parsing: .singleValue,
    help: "ROLE=KEY: takes this key from the role; its name, or the first 8 or more digits of it.")
  var remove: [Assignment] = []

  @Option(parsing: .singleValue, help: "ROLE=NUMBER: how many keys have to sign.")
  var threshold: [Assignment] = []

  @Option(
    parsing: .unconditional, help: "How long the new trust root is valid, such as 365d (the default), or until when.",
    transform: Expiry.parse)
  var expires = Expiry.days(365)

  @Option(
    name: .shortAndLong,
    help: "The new trust root's file, or - for standard output; root-VERSION.json beside the present one by default.",
    completion: .file())
  var output: DocumentOutput?

  @Flag(help: "Encrypt the new keys with a passphrase.")
  var encrypt = false

  @OptionGroup var signing: SigningOptions

  /// Makes the next version, signs it and writes it.
  func run(also change: ((inout TrustRoot) throws(CommandFailure) -> Void)? = nil) async throws {
    let console = TrustCommand.console
    let present = try TrustFile.signedRoot(root)
    let now = SystemTime.now().wholeSeconds
    var next = present
    next.version += 1
    next.issuedAt = max(now, present.issuedAt)
    next.expires = try expires.moment(from: now)
    let target = output ?? .file(Self.path(beside: root, version: next.version))
    try target.checkIsFree()
    for assignment in new {
      guard !["", "-"].contains(assignment.value) else {
        throw CommandFailure(
          "--new \(printable(assignment.name)) needs a file: a private key is not printed",
          exitCode: CommandFailure.usageExitCode)
      }
      try NewFile.checkIsFree(assignment.value)
    }

    var made: [(file: String, role: TrustRoot.Role, key: Ed25519.PrivateKey)] = []
    for assignment in new { made.append((assignment.value, try assignment.role(), Ed25519.PrivateKey())) }
    for entry in made { next.add(entry.key.publicKey, to: entry.role) }
    for assignment in add { next.add(try KeyFile.readPublic(assignment.value), to: try assignment.role()) }
    for assignment in remove {
      let role = try assignment.role()
      let id = try next.key(named: assignment.value, in: next.roles[role]?.keys ?? [])
      next.roles[role]?.keys.remove(id)
      if next.roles[role]?.keys.isEmpty == true { next.roles[role] = nil }
    }
    for assignment in threshold {
      guard let count = Int(assignment.value) else {
        throw CommandFailure(
          "--threshold \(printable(assignment.name)) needs a number", exitCode: CommandFailure.usageExitCode)
      }
      next.roles[try assignment.role()]?.threshold = count
    }
    try change?(&next)
    for (role, authority) in next.roles.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      guard authority.keys.subtracting(next.revokedKeys).count < authority.threshold else { continue }
      throw CommandFailure(
        "the role \(role.rawValue) would have fewer keys than its threshold, \(authority.threshold)",
        hint: "Give it another in the same step: --new \(role.rawValue)=FILE or --add \(role.rawValue)=FILE.")
    }
    next.keepOnlyNamedKeys()
    _ = try TrustFile.reading("the new trust root") { () throws(TrustError) in try TrustRoot(payload: next.payload) }

    var envelope = Envelope(payloadType: .root, payload: next.payload)
    for entry in made where entry.role == .root { envelope.sign(with: entry.key) }
    _ = try await signing.sign(
      &envelope, as: .root, under: [present, next], unlessRevokedBy: [present], console: console)
    let isEncrypted = !made.isEmpty && (encrypt || signing.passphrase.isGiven)
    let secret = try isEncrypted ? signing.passphrase.read(for: "the new keys", isNew: true) : nil
    var written: [String] = []
    do throws(CommandFailure) {
      for entry in made {
        try KeyFile.create(entry.key, at: entry.file, passphrase: secret)
        written.append(entry.file)
      }
      try target.write(envelope.text + "\n", console: console)
    } catch {
      // Keys that no trust root names are of no use to anybody.
      for file in written { try? FileManager.default.removeItem(atPath: file) }
      throw error
    }

    let title = "Made version \(next.version) of the trust root of \(printable(next.product))"
    let keys = made.map { "New \($0.role.rawValue) key \($0.key.publicKey.id) in \(printable($0.file))." }
    let missing = RootSignatures(envelope: envelope, root: next, present: present)
    switch target {
    case .file(let path):
      let lines = ["\(title) in \(printable(path)), valid until \(next.expires)."] + keys
      try console.write(lines.joined(separator: "\n") + "\n")
      for line in missing.missing(file: path) { console.note(line) }
    case .standardOutput:
      for line in ["\(title), valid until \(next.expires)."] + keys + missing.missing(file: "FILE") {
        console.note(line)
      }
    }
  }

  static func path(beside root: String, version: Int64) -> String {
    let folder = root.lastIndex(of: "/").map { root[...$0] } ?? ""
    return "\(folder)root-\(version).json"
  }
}

/// Which signatures a trust root still lacks.
struct RootSignatures {
  var envelope: Envelope
  var root: TrustRoot
  /// The one that it is to follow; nil for the first.
  var present: TrustRoot?

  /// Sentences, none where it is signed by enough keys.
  func missing(file: String) -> [String] {
    let sides: [(TrustRoot?, String)] = [(root, "its own"), (present, "the present trust root's")]
    var lines: [String] = []
    for (root, title) in sides {
      guard let root, let authority = root.roles[.root] else { continue }
      let keys = root.keys(of: .root)
      let signers = envelope.signers(among: keys)
      let count = authority.threshold - signers.count
      guard count > 0 else { continue }
      let left = keys.map(\.id).filter { !signers.contains($0) }.map(\.short).joined(separator: ", ")
      lines.append("It needs \(count) more of \(title) root keys (\(left)) to sign it.")
    }
    if !lines.isEmpty { lines.append("Whoever has one runs: wrktalkctl trust sign \(printable(file)) --key FILE") }
    return lines
  }
}

extension TrustRoot {
  mutating func add(_ key: Ed25519.PublicKey, to role: Role) {
    keys[key.id] = key
    roles[role, default: Authority(keys: [])].keys.insert(key.id)
  }

  /// The one key that a person means.
  func key(named text: String, in ids: Set<KeyID>) throws(CommandFailure) -> KeyID {
    let found = ids.filter { $0.text == text || text.utf8.count >= 8 && $0.text.hasPrefix(text) }
    guard let id = found.first, found.count == 1 else {
      throw CommandFailure(
        found.isEmpty
          ? "the trust root names no key \(printable(text)) there"
          : "\(printable(text)) begins the names of several keys",
        hint: "The keys are: \(ids.sorted().map(\.short).joined(separator: ", ")).")
    }
    return id
  }

  /// Keys without a role are dropped, but for those that are revoked, by which a message can say so.
  mutating func keepOnlyNamedKeys() {
    let named = roles.values.reduce(revokedKeys) { $0.union($1.keys) }
    keys = keys.filter { named.contains($0.key) }
  }
}
