import ResourceModel
import Testing
import WireFormats

@testable import Backend
@testable import ResourceServer

/// The document that `kubectl` reads, read back by the reader of protobuf messages.
@Suite struct OpenAPIProtobufTests {
  private typealias Fields = [UInt64: ProtobufReader.Value]

  private let swagger = OpenAPIDocument.swagger(of: BackendKinds.definitions)

  /// The `{name = 1, value = 2}` entries of a list, by name.
  private func named(_ field: UInt64, in bytes: ArraySlice<UInt8>) -> [String: ArraySlice<UInt8>] {
    Dictionary(
      ProtobufReader.values(of: field, in: bytes).compactMap { entry in
        ProtobufReader.fields(entry).map { ($0.text(1), $0.bytes(2) ?? []) }
      }, uniquingKeysWith: { first, _ in first })
  }

  @Test func smallMessagesAreThoseOfTheProtobufRules() {
    var writer = ProtobufWriter()
    writer.text(1, "2.0")
    writer.text(2, "")
    writer.number(3, 300)
    writer.flag(4, true)
    writer.flag(5, false)
    writer.double(6, 1)
    writer.message(17) { _ in }
    #expect(
      writer.bytes == [
        0x0A, 3, 0x32, 0x2E, 0x30, 0x18, 0xAC, 0x02, 0x20, 1, 0x31, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0x8A, 0x01, 0,
      ])
  }

  @Test func everySchemaAndPathIsInTheMessage() throws {
    let bytes = OpenAPIProtobuf.document(swagger)
    let document = try #require(ProtobufReader.fields(bytes[...]))
    #expect(document.text(1) == "2.0")
    #expect(document.message(2)?.text(1) == "WrkTalk Unified Deployment")
    let paths = named(2, in: try #require(document.bytes(8)))
    #expect(Set(paths.keys) == Set(swagger["paths"]?.object?.keys.map(\.self) ?? []))
    let definitions = named(1, in: try #require(document.bytes(9)))
    #expect(Set(definitions.keys) == Set(swagger["definitions"]?.object?.keys.map(\.self) ?? []))
  }

  /// What `kubectl explain` and its validation look for.
  @Test func aSchemaKeepsItsTypeDescriptionPropertiesAndKind() throws {
    let document = try #require(ProtobufReader.fields(OpenAPIProtobuf.document(swagger)[...]))
    let definitions = named(1, in: try #require(document.bytes(9)))
    let deployment = try #require(definitions["com.wrktalk.deploy.v1.DesiredDeployment"])
    let fields = try #require(ProtobufReader.fields(deployment))
    #expect(fields.message(22)?.text(1) == "object")
    #expect(fields.text(4).contains("The release that one environment should be on"))
    #expect(ProtobufReader.values(of: 19, in: deployment).map { String(decoding: $0, as: UTF8.self) } == ["spec"])
    let kinds = named(31, in: deployment)["x-kubernetes-group-version-kind"]
    #expect(
      kinds.flatMap(ProtobufReader.fields)?.text(2)
        == #"[{"group":"deploy.wrktalk.com","kind":"DesiredDeployment","version":"v1"}]"#)
    let properties = named(1, in: try #require(fields.bytes(25)))
    #expect(
      properties["metadata"].flatMap(ProtobufReader.fields)?.text(1)
        == "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
    #expect(properties["spec"].flatMap(ProtobufReader.fields)?.bytes(25) != nil)
  }

  /// What `kubectl` asks about dry runs: the query parameters of a kind's PATCH.
  @Test func anOperationKeepsItsParameters() throws {
    let document = try #require(ProtobufReader.fields(OpenAPIProtobuf.document(swagger)[...]))
    let paths = named(2, in: try #require(document.bytes(8)))
    let item = try #require(paths["/apis/deploy.wrktalk.com/v1/namespaces/{namespace}/desireddeployments/{name}"])
    let patch = try #require(ProtobufReader.fields(item)?.bytes(8))
    let names = ProtobufReader.values(of: 8, in: patch).compactMap { parameter in
      ProtobufReader.fields(parameter)?.message(1)?.message(2)?.message(3)?.text(4)
    }
    #expect(names == ["dryRun", "pretty", "fieldManager", "fieldValidation", "force"])
    #expect(named(13, in: patch).keys.contains("x-kubernetes-group-version-kind"))
  }
}
