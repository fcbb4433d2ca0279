import ArgumentParser

struct ReleaseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Write, sign and check release manifests: all that a release may run.",
    discussion: """
      A release manifest names a release's chart and bundle by digest, every image that they run by digest, and its new settings. \
      Its envelope is what spec.manifest of a DesiredDeployment holds.

      Example of a CI step:
        wrktalkctl release manifest --product wrktalk --version $VERSION --sequence $BUILD --chart wrktalk-$VERSION.tgz \
      | wrktalkctl release sign - --root root.json --sign-with ./sign-with-kms.sh -o wrktalk-$VERSION.manifest.json
      """,
    subcommands: [ReleaseManifestCommand.self, ReleaseSign.self, ReleaseVerify.self])
}
