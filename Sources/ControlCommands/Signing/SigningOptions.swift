import ArgumentParser
import Cryptography
import FoundationEssentials
import KeyFiles
import ReleaseManifest

/// The keys that a command signs with.
struct SigningOptions: ParsableArguments {
  @Option(
    name: .customLong("key"), parsing: .singleValue, help: "A private key's file; may be given several times.",
    completion: .file())
  var keyFiles: [String] = []

  @Option(
    name: .customLong("sign-with"), parsing: .singleValue,
    help:
      "A command that signs, as for a hardware key: the bytes come on its standard input, and it answers with the signature. May be given several times."
  )
  var commands: [String] = []

  @OptionGroup var passphrase: PassphraseOptions

  func validate() throws {
    if keyFiles.isEmpty, commands.isEmpty {
      throw ValidationError("a key is needed to sign with: --key FILE, or --sign-with COMMAND")
    }
  }

  /// Adds the signatures of all keys.
  /// - Parameters:
  ///   - roots: those that say which keys may sign; a key has to be named by one of them.
  ///   - revokers: a key that one of these revokes signs nothing, whichever names it.
  /// - Returns: the keys that have signed.
  func sign(
    _ envelope: inout Envelope, as role: TrustRoot.Role, under roots: [TrustRoot],
    unlessRevokedBy revokers: [TrustRoot],
    console: Console
  ) async throws(CommandFailure) -> [KeyID] {
    var signers: [KeyID] = []
    for path in keyFiles {
      let key = try KeyFile.readPrivate(path, passphrase: passphrase, console: console)
      try Self.check(key.publicKey, as: role, under: roots, revokers, title: printable(path))
      envelope.sign(with: key)
      signers.append(key.publicKey.id)
    }
    // Also those that are revoked, to be able to say so.
    let candidates = Self.candidates(for: role, under: roots)
    let revoked = revokers.reduce(into: Set()) { $0.formUnion($1.revokedKeys) }
    for command in commands {
      let message = envelope.signedBytes
      let signature = try await ExternalSigner(command: command).signature(of: message)
      guard let key = candidates.first(where: { $0.isValidSignature(signature, for: message) }) else {
        throw CommandFailure(
          "what the command of --sign-with answered is not a signature by a \(role.rawValue) key of the trust root",
          hint:
            "The keys are: \(candidates.map(\.id).filter { !revoked.contains($0) }.map(\.short).joined(separator: ", "))."
        )
      }
      try Self.check(key, as: role, under: roots, revokers, title: "the command of --sign-with")
      envelope.add(.init(keyID: key.id.text, bytes: signature))
      signers.append(key.id)
    }
    guard envelope.signatures.count <= Envelope.maximumSignatureCount else {
      throw CommandFailure("an envelope bears at most \(Envelope.maximumSignatureCount) signatures")
    }
    return signers
  }

  private static func candidates(for role: TrustRoot.Role, under roots: [TrustRoot]) -> [Ed25519.PublicKey] {
    let named = roots.flatMap { root in (root.roles[role]?.keys ?? []).compactMap { root.keys[$0] } }
    return Set(named).sorted { $0.id < $1.id }
  }

  private static func check(
    _ key: Ed25519.PublicKey, as role: TrustRoot.Role, under roots: [TrustRoot], _ revokers: [TrustRoot], title: String
  ) throws(CommandFailure) {
    if let root = revokers.last(where: { $0.revokedKeys.contains(key.id) }) {
      throw CommandFailure("\(title): the key \(key.id) is revoked by version \(root.version) of the trust root")
    }
    guard !roots.contains(where: { $0.keys(of: role).contains(key) }) else { return }
    let others = Set(
      roots.flatMap { root in root.roles.filter { $0.value.keys.contains(key.id) }.map(\.key.rawValue) })
    let place =
      others.isEmpty ? "it is unknown there" : "there it is a key of \(others.sorted().joined(separator: ", "))"
    throw CommandFailure(
      "\(title): the key \(key.id) is not a \(role.rawValue) key of the trust root; \(place)",
      hint: "wrktalkctl trust show FILE lists the keys.")
  }
}
