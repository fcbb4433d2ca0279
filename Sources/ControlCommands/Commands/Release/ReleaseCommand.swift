import ArgumentParser

struct ReleaseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Write, sign and check release manifests; create, publish and withdraw releases.",
    discussion: """
      A release manifest names a release's chart and bundle by digest, every image that they run by digest, and its new settings. \
      Its envelope is what spec.manifest of a DesiredDeployment holds.

      Example of a CI step:
        wrktalkctl release manifest --product wrktalk --version $VERSION --sequence $BUILD --chart wrktalk-$VERSION.tgz \
      | wrktalkctl release sign - --root root.json --sign-with ./sign-with-kms.sh -o wrktalk-$VERSION.manifest.json
        wrktalkctl release create --version $VERSION --helm wrktalk-$VERSION.tgz --manifest wrktalk-$VERSION.manifest.json
        wrktalkctl rollout start -f rollout-$VERSION.yaml
        wrktalkctl release publish $VERSION
        wrktalkctl rollout status wrktalk-$VERSION --watch
      """,
    subcommands: [
      ReleaseManifestCommand.self, ReleaseSign.self, ReleaseVerify.self, ReleaseCreate.self, ReleasePublish.self,
      ReleaseDeprecate.self, ReleaseWithdraw.self,
    ])
}
