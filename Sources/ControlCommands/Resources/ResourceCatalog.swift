import CoreKinds
import DeploymentKinds
import FleetKinds
import ResourceModel

/// The kinds that commands can name, by all their names.
enum ResourceCatalog {
  private static let definitions = DeploymentKind.definitions + FleetKind.definitions + CoreKind.definitions

  /// - Parameter word: a kind, plural, singular or short name, also with its group: `dd`, `dds`, `desireddeployments`,
  ///   `DesiredDeployment`, `leases.coordination.k8s.io`.
  static func definition(named word: String) throws(CommandFailure) -> ResourceDefinition {
    let lowered = word.lowercased()
    if let definition = definitions.first(where: { names($0.names).contains(lowered) }) { return definition }
    let known = definitions.map(\.names.plural).sorted()
    let nearest = Suggestion.nearest(to: lowered, among: definitions.flatMap { names($0.names) })
    throw CommandFailure(
      "there is no kind \"\(printable(word))\"",
      hint: nearest.map { "Did you mean \($0)?" } ?? "There are: \(known.joined(separator: ", ")).",
      exitCode: CommandFailure.usageExitCode)
  }

  static func definition(apiVersion: String, kind: String) -> ResourceDefinition? {
    definitions.first { $0.names.apiVersion == apiVersion && $0.names.kind == kind }
  }

  /// The kind of that name in whichever group.
  static func names(ofKind kind: String) -> ResourceNames? {
    definitions.first { $0.names.kind == kind }?.names
  }

  /// `; did you mean …?`, where a kind is near.
  static func suggestion(forKind kind: String) -> String {
    Suggestion.nearest(to: kind, among: definitions.map(\.names.kind)).map { "; did you mean \($0)?" } ?? ""
  }

  private static func names(_ names: ResourceNames) -> [String] {
    let plain =
      [names.plural, names.singular, names.kind.lowercased()] + names.shortNames + names.shortNames.map { $0 + "s" }
    return names.group.isEmpty ? plain : plain + plain.map { "\($0).\(names.group)" }
  }
}

extension ResourceNames {
  /// An object as messages name it: `desireddeployment.deploy.wrktalk.com/wrktalk`.
  func reference(_ name: String) -> String {
    (group.isEmpty ? singular : "\(singular).\(group)") + "/\(printable(name))"
  }
}
