import HTTPService
import ResourceModel
import WireFormats

/// The OpenAPI documents of the registered kinds, made once.
struct OpenAPIDocuments: Sendable {
  /// Of version 3.
  let index: [UInt8]
  /// Version 2, as JSON and as protobuf.
  let swagger: [UInt8]
  let swaggerProtobuf: [UInt8]
  private let documents: [String: [UInt8]]

  init(_ registry: ResourceRegistry) {
    var documents: [String: [UInt8]] = [:]
    for rootPath in Set(registry.definitions.map(\.names.rootPath)) {
      documents[rootPath] = OpenAPIDocument.document(rootPath: rootPath, registry.definitions).serialized()
    }
    self.documents = documents
    let swagger = OpenAPIDocument.swagger(of: registry.definitions)
    self.swagger = swagger.serialized()
    swaggerProtobuf = OpenAPIProtobuf.document(swagger)
    index = OpenAPIDocument.index(of: registry.definitions, hash: { Self.fingerprint($0.serialized()) }).serialized()
  }

  func document(group: String, version: String) -> [UInt8]? {
    documents[group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"]
  }

  /// The media type of the protobuf, and how Kubernetes' clients ask for it.
  static let protobufType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
  private static let protobufTypes = [protobufType, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"]

  /// - Returns: whether the client takes protobuf before JSON.
  static func wantsProtobuf(accept: String?) -> Bool {
    let types = (accept ?? "").split(separator: ",").map { HTTPMediaType($0).type }
    return types.first { protobufTypes.contains($0) || $0 == "application/json" }.map(protobufTypes.contains) ?? false
  }

  /// FNV-1a, 64 bits: tells clients' caches one document from the next; nobody's safety depends on it.
  private static func fingerprint(_ bytes: [UInt8]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return String(hash, radix: 16, uppercase: true)
  }
}
