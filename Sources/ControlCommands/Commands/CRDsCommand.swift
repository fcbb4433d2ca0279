import ArgumentParser
import DeploymentKinds
import FoundationEssentials
import ResourceModel

struct CRDsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crds", abstract: "Print the CustomResourceDefinitions, for clusters that keep the objects themselves."
  )

  @Option(help: "Write each into a file of this folder instead.", completion: .directory)
  var outputDir: String?

  func run() throws {
    let console = Console.standard(environment: ProcessInfo.processInfo.environment)
    guard let outputDir else {
      try console.write(
        DeploymentKind.definitions.map { Self.text($0) }.joined(separator: "---\n"))
      return
    }
    do {
      try FileManager.default.createDirectory(atPath: outputDir, withIntermediateDirectories: true)
      for definition in DeploymentKind.definitions {
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
