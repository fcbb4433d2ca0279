import ResourceModel
import Testing
import WireFormats

@Suite struct OpenAPIDocumentTests {
  private let definitions = [
    ResourceDefinition(
      names: ResourceNames(
        group: "deploy.wrktalk.com", version: "v1", kind: "Thing", plural: "things", singular: "thing"),
      table: "thing", schema: .object(properties: ["spec": .object(properties: ["a": .string()])])),
    ResourceDefinition(
      names: ResourceNames(group: "", version: "v1", kind: "Event", plural: "events", singular: "event"),
      table: "event",
      schema: .object(properties: [:]), hasStatus: false),
  ]

  @Test func theIndexNamesEveryGroupVersion() {
    let index = OpenAPIDocument.index(of: definitions) { _ in "H" }
    #expect(
      index == [
        "paths": [
          "apis/deploy.wrktalk.com/v1": ["serverRelativeURL": "/openapi/v3/apis/deploy.wrktalk.com/v1?hash=H"],
          "api/v1": ["serverRelativeURL": "/openapi/v3/api/v1?hash=H"],
        ]
      ])
  }

  /// kubectl asks the patch operation of a kind whether it may send dryRun and fieldValidation.
  @Test func patchOperationsNameTheirKindAndParameters() throws {
    let document = OpenAPIDocument.document(rootPath: "/apis/deploy.wrktalk.com/v1", definitions)
    let paths = try #require(document["paths"]?.object)
    #expect(
      paths.keys.sorted() == [
        "/apis/deploy.wrktalk.com/v1/namespaces/{namespace}/things",
        "/apis/deploy.wrktalk.com/v1/namespaces/{namespace}/things/{name}",
        "/apis/deploy.wrktalk.com/v1/namespaces/{namespace}/things/{name}/status", "/apis/deploy.wrktalk.com/v1/things",
      ])
    let patch = paths["/apis/deploy.wrktalk.com/v1/namespaces/{namespace}/things/{name}"]?["patch"]
    #expect(
      patch?["x-kubernetes-group-version-kind"] == ["group": "deploy.wrktalk.com", "version": "v1", "kind": "Thing"])
    let parameters = patch?["parameters"]?.array?.compactMap { $0["name"]?.string }
    #expect(parameters == ["dryRun", "pretty", "fieldManager", "fieldValidation", "force"])
    #expect(
      patch?["requestBody"]?["content"]?.object?.keys.sorted() == [
        "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
      ])
  }

  @Test func everyReferenceLeadsSomewhere() throws {
    for rootPath in ["/api/v1", "/apis/deploy.wrktalk.com/v1"] {
      let document = OpenAPIDocument.document(rootPath: rootPath, definitions)
      let schemas = try #require(document["components"]?["schemas"]?.object)
      var pending = [document]
      while let node = pending.popLast() {
        if let reference = node["$ref"]?.string {
          #expect(schemas[String(reference.dropFirst("#/components/schemas/".count))] != nil, "\(reference)")
        }
        pending += node.object.map { Array($0.values) } ?? node.array ?? []
      }
    }
  }
}
