import ResourceModel
import WireFormats

/// The OpenAPI documents of the registered kinds, made once.
struct OpenAPIDocuments: Sendable {
  let index: [UInt8]
  private let documents: [String: [UInt8]]

  init(_ registry: ResourceRegistry) {
    var documents: [String: [UInt8]] = [:]
    for rootPath in Set(registry.definitions.map(\.names.rootPath)) {
      documents[rootPath] = OpenAPIDocument.document(rootPath: rootPath, registry.definitions).serialized()
    }
    self.documents = documents
    index = OpenAPIDocument.index(of: registry.definitions, hash: { Self.fingerprint($0.serialized()) }).serialized()
  }

  func document(group: String, version: String) -> [UInt8]? {
    documents[group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"]
  }

  /// FNV-1a, 64 bits: tells clients' caches one document from the next; nobody's safety depends on it.
  private static func fingerprint(_ bytes: [UInt8]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return String(hash, radix: 16, uppercase: true)
  }
}
