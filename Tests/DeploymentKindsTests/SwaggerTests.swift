import CoreKinds
import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

/// The OpenAPI v2 document, in the form in which Kubernetes' clients expect it.
@Suite struct SwaggerTests {
  private let document = OpenAPIDocument.swagger(of: (DeploymentKind.definitions + CoreKind.definitions))

  @Test func everyReferenceLeadsSomewhere() throws {
    let definitions = try #require(document["definitions"]?.object)
    var pending = [document]
    var count = 0
    while let node = pending.popLast() {
      if let reference = node["$ref"]?.string {
        count += 1
        #expect(reference.hasPrefix("#/definitions/"))
        #expect(definitions[String(reference.dropFirst("#/definitions/".count))] != nil, "\(reference)")
      }
      pending += node.object.map { Array($0.values) } ?? node.array ?? []
    }
    #expect(count > 20)
  }

  @Test func nothingOfVersion3IsLeft() {
    var pending = [document]
    while let node = pending.popLast() {
      for word in ["nullable", "allOf", "requestBody", "content"] {
        #expect(
          node[word] == nil || node["type"] == nil && node["properties"] == nil, "\(word) in \(node.text.prefix(200))")
      }
      pending += node.object.map { Array($0.values) } ?? node.array ?? []
    }
    let text = document.text
    #expect(!text.contains("#/components/"))
    #expect(!text.contains("\"nullable\""))
  }

  /// `kubectl` looks there for whether it may send a dry run and leave the validation to the server, of CRDs' kinds at
  /// the Namespace.
  @Test(arguments: ["DesiredDeployment", "Lease", "Event", "Namespace"])
  func thePatchOfEveryKindNamesItsParameters(kind: String) throws {
    let patches = (document["paths"]?.object ?? [:]).values.compactMap { $0["patch"] }
    let patch = try #require(patches.first { $0["x-kubernetes-group-version-kind"]?["kind"]?.string == kind })
    let query = (patch["parameters"]?.array ?? []).filter { $0["in"] == "query" }.compactMap { $0["name"]?.string }
    #expect(Set(query).isSuperset(of: ["dryRun", "fieldValidation"]))
    #expect(patch["consumes"]?.array?.contains("application/merge-patch+json") == true)
    #expect(
      patch["consumes"]?.array?.contains("application/strategic-merge-patch+json") == (kind != "DesiredDeployment"))
    #expect(patch["responses"]?["200"]?["schema"]?["$ref"] != nil)
  }

  @Test func kubectlIsToldHowOwnersAndFinalizersAreMerged() {
    let metadata = document["definitions"]?["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]?["properties"]
    #expect(metadata?["ownerReferences"]?["x-kubernetes-patch-merge-key"] == "uid")
    #expect(metadata?["finalizers"]?["x-kubernetes-patch-strategy"] == "merge")
  }
}
