import ArgumentParser
import ReleaseManifest

struct TrustRevoke: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Make a version of the trust root that withdraws keys or releases.",
    discussion: """
      A revoked key never counts again, nor does what it signed; a revoked release is neither deployed, put right nor returned to. \
      What runs of it goes on. A role that would be left with too few keys gets another in the same step.

      Examples:
        wrktalkctl trust revoke --key-id 6f1c20ab --new release=trust/release-2.key --root trust/root.json --key trust/root.key
        wrktalkctl trust revoke --release DIGEST --root trust/root.json --key trust/root.key
        wrktalkctl trust revoke --minimum-sequence 40 --root trust/root.json --key trust/root.key
      """)

  @Option(parsing: .singleValue, help: "A key to revoke: its name, or the first 8 or more digits of it.")
  var keyId: [String] = []

  @Option(parsing: .singleValue, help: "A release to revoke: the digest of its manifest, as release verify prints it.")
  var release: [String] = []

  @Option(help: "Withdraws every release with a lower sequence.")
  var minimumSequence: Int64?

  @OptionGroup var change: RootChangeOptions

  func validate() throws {
    if keyId.isEmpty, release.isEmpty, minimumSequence == nil {
      throw ValidationError("nothing to revoke: give --key-id, --release or --minimum-sequence")
    }
  }

  func run() async throws {
    try await change.run { (root) throws(CommandFailure) in
      for text in keyId {
        let id = try root.key(named: text, in: Set(root.keys.keys))
        root.revokedKeys.insert(id)
        for role in TrustRoot.Role.allCases {
          // A key that cannot sign is not waited for.
          root.roles[role]?.keys.remove(id)
        }
      }
      for digest in release {
        guard KeyID(digest) != nil else {
          throw CommandFailure(
            "--release needs the digest of a manifest: 64 lower-case hexadecimal digits",
            exitCode: CommandFailure.usageExitCode)
        }
        root.revokedReleases.insert(digest)
      }
      if let minimumSequence {
        guard minimumSequence >= root.minimumSequence else {
          throw CommandFailure("releases below \(root.minimumSequence) are withdrawn already")
        }
        root.minimumSequence = minimumSequence
      }
    }
  }
}
