import ArgumentParser

struct TrustRotate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Make the next version of the trust root: other keys, thresholds or a later end.",
    discussion: """
      It has to be signed under the thresholds of both versions. Where the keys are in several hands, make it with one, and let \
      the others add theirs with wrktalkctl trust sign.

      Examples:
        wrktalkctl trust rotate --root trust/root.json --key trust/root.key
        wrktalkctl trust rotate --root trust/root.json --key trust/root.key --new release=trust/release-2.key --remove release=6f1c20ab
        wrktalkctl trust rotate --root trust/root.json --sign-with ./sign-with-hsm.sh --threshold release=2 --add release=anna.pub.pem
      """)

  @OptionGroup var change: RootChangeOptions

  func run() async throws { try await change.run() }
}
