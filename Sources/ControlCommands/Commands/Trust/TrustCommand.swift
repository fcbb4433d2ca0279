import ArgumentParser
import FoundationEssentials

struct TrustCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trust", abstract: "Make, change and show the vendor's trust root: whose signatures count.",
    discussion: """
      A trust root names the vendor's keys and how many of them each thing needs. Customers get the first one once, by a way \
      that they trust; each later one bears the signatures of the one before, and travels with releases.

      From nothing to a signed release:
        wrktalkctl trust init --product wrktalk --dir trust
        wrktalkctl release manifest --version 1.0.0 --sequence 1 --bundle wrktalk-1.0.0.tar.gz --product wrktalk -o release.json
        wrktalkctl release sign release.json --key trust/release.key -o wrktalk-1.0.0.manifest.json
      """,
    subcommands: [
      TrustInit.self, TrustRotate.self, TrustRevoke.self, TrustSign.self, TrustTimestamp.self, TrustShow.self,
    ])

  static var console: Console { .standard(environment: ProcessInfo.processInfo.environment) }
}
