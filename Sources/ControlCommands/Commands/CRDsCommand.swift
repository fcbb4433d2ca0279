import ArgumentParser
import DeploymentKinds
import FleetKinds
import FoundationEssentials
import ResourceModel

struct CRDsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crds",
    abstract: "Print the CustomResourceDefinitions, for clusters that keep the objects themselves.",
    discussion: """
      These are the customers' kinds. The vendor's, such as Release and Rollout, are served by wrktalk-gcc alone; with --fleet \
      they are printed for editors and linters that check files against them.
      """)

  @Option(help: "Write each into a file of this folder instead.", completion: .directory)
  var outputDir: String?

  @Flag(help: "The vendor's kinds instead, which no cluster needs.")
  var fleet = false

  func run() throws {
    let console = Console.standard(environment: ProcessInfo.processInfo.environment)
    let definitions = fleet ? FleetKind.definitions : DeploymentKind.definitions
    guard let outputDir else {
      try console.write(definitions.map { Self.text($0) }.joined(separator: "---\n"))
      return
    }
    do {
      try FileManager.default.createDirectory(atPath: outputDir, withIntermediateDirectories: true)
      for definition in definitions {
        let path = "\(outputDir)/\(CustomResourceDefinition.fileName(for: definition))"
        try Data(Self.text(definition).utf8).write(to: URL(filePath: path), options: .atomic)
        console.note("wrote \(path)")
      }
    } catch {
      throw CommandFailure("the folder \(printable(outputDir)) cannot be written: \(error)")
    }
  }

  static func text(_ definition: ResourceDefinition) -> String {
    YAMLText.render(CustomResourceDefinition.json(for: definition))
  }
}
