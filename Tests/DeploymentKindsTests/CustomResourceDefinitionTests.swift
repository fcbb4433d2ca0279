import CoreKinds
import FoundationEssentials
import ResourceModel
import Testing
import WireFormats
import YAMLDocuments

@testable import DeploymentKinds

@Suite struct CustomResourceDefinitionTests {
  /// The repository, seen from this file.
  private static let crdFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "crds")

  @Test func theCommittedFilesAreWhatTheTypesSay() throws {
    for definition in DeploymentKind.definitions {
      let file = Self.crdFolder.appending(path: CustomResourceDefinition.fileName(for: definition))
      let committed = String(decoding: try Data(contentsOf: file), as: UTF8.self)
      #expect(
        committed == YAMLStream.emit(CustomResourceDefinition.json(for: definition)),
        "\(file.lastPathComponent) is out of date: run make crds")
    }
  }

  @Test func onlyTheKindsOfThisGroupGetOne() {
    #expect(DeploymentKind.definitions.map(\.names.kind) == ["DesiredDeployment"])
    #expect(
      CustomResourceDefinition.fileName(for: DesiredDeploymentKind.definition)
        == "deploy.wrktalk.com_desireddeployments.yaml")
  }

  /// The rules an API server has for a structural schema: every node typed, no default beside a requirement that it be
  /// given, metadata left to the server.
  @Test func theSchemaIsStructural() throws {
    let json = CustomResourceDefinition.json(for: DesiredDeploymentKind.definition)
    let version = try #require(json["spec"]?["versions"]?.array?.first)
    let schema = try #require(version["schema"]?["openAPIV3Schema"])
    var pending = [schema]
    while let node = pending.popLast() {
      #expect(node["type"]?.string != nil, "\(node.text)")
      for (name, property) in node["properties"]?.object ?? [:] {
        pending.append(property)
        if property["default"] != nil {
          #expect(node["required"]?.array?.contains(.string(name)) != true, "\(name) has a default and is required")
        }
      }
      pending += [node["items"], node["additionalProperties"]].compactMap(\.self)
    }
    #expect(schema["properties"]?["metadata"] == ["type": "object"])
    #expect(version["subresources"] == ["status": [:]])
    #expect(
      version["additionalPrinterColumns"]?.array?.compactMap { $0["name"]?.string } == [
        "Ready", "Status", "Desired", "Current", "Age", "Runtime", "Revision", "Message",
      ])
  }

  /// What the Backend checks, an API server checks too: each rule stands at a node that there is.
  @Test func theRulesThatNoSchemaSaysStandBesideIt() throws {
    let json = CustomResourceDefinition.json(for: DesiredDeploymentKind.definition)
    let schema = try #require(json["spec"]?["versions"]?.array?.first?["schema"]?["openAPIV3Schema"])
    var count = 0
    for rule in DesiredDeploymentKind.rules {
      var node = schema
      for name in rule.path {
        node = try #require(name == "[]" ? node["items"] : node["properties"]?[name], "\(rule.path)")
      }
      #expect(node["type"] != nil, "\(rule.path)")
      let rules = node["x-kubernetes-validations"]?.array ?? []
      #expect(
        rules.contains(["rule": .string(rule.expression), "message": .string(rule.message)]), "\(rule.path)")
      // An API server refuses a rule whose cost it cannot bound.
      if node["type"] == "string", !rule.expression.contains("oldSelf") {
        #expect(node["maxLength"] != nil, "\(rule.path)")
      }
      if rule.expression.contains(".all(") { #expect(node["maxProperties"] != nil, "\(rule.path)") }
      count += 1
    }
    #expect(count == 18)
    for field in ["runtime", "projectName", "releaseName"] {
      #expect(DesiredDeploymentKind.rules.contains { $0.path.last == field && $0.expression == "self == oldSelf" })
    }
  }

  @Test func everyFieldIsDescribed() {
    func undocumented(_ schema: Schema, _ path: String) -> [String] {
      switch schema {
      case .object(let properties, _, _):
        return properties.flatMap { name, property in
          (property.documentation.description.isEmpty ? ["\(path).\(name)"] : [])
            + undocumented(property, "\(path).\(name)")
        }
      case .array(let element, _, _), .map(let element, _, _): return undocumented(element, path + "[]")
      default: return []
      }
    }
    for definition in (DeploymentKind.definitions + CoreKind.definitions) {
      #expect(undocumented(definition.schema, definition.names.kind) == [])
    }
    #expect(undocumented(ObjectMeta.schema, "metadata") == [])
  }
}
