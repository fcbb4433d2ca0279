import Access
import HTTPService
import Hummingbird
import ResourceModel
import ResourceStorage
import WireFormats
import YAMLDocuments

/// Server-side apply: `PATCH` with `application/apply-patch+yaml`.
extension ResourceAPI {
  /// Applies the configuration in the body, and creates the object where it is not there.
  func apply(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ call: APICall, isStatus: Bool
  ) async throws -> Response {
    // Whoever may change finalizers alone could own other fields by applying them as they are, and so keep them from being
    // removed.
    guard call.scope == .everything else {
      throw try forbidden(call, key, detail: "it may change metadata.finalizers, but not by server-side apply")
    }
    let options = try WriteOptions(call.query, for: .apply)
    let configuration = try Self.configuration(
      try await JSONBody.read(call.request, maximumBytes: definition.limits.requestBytes))
    let writer = writer(options, call)
    let lifecycle = lifecycle(definition)
    for attempt in 0... {
      do {
        return try await update(
          definition, key, options, .given, call, isStatus: isStatus, isReplacement: false
        ) { old in
          try lifecycle.applied(
            configuration, to: old, by: writer, isStatus: isStatus, isForced: options.isForced)
        }
      } catch let error as StatusError where error.reason == .notFound && !isStatus {
        let given = configuration["metadata"]
        for precondition in ["uid", "resourceVersion"] where !(given?[precondition]?.string ?? "").isEmpty {
          throw StatusError.conflict(
            definition.names, key.name,
            "the configuration names a \(precondition), and there is no such object")
        }
        let object = try lifecycle.applied(
          configuration, to: nil, by: writer, isStatus: false, isForced: options.isForced)
        do {
          return try await create(definition, key, object, options, .given, call)
        } catch let error as StatusError where error.reason == .alreadyExists && attempt < Self.conflictRetries {
          // Somebody created it in the meantime.
        }
      }
    }
    throw StatusError(.conflict, "the object changes too often")
  }

  /// JSON is YAML; it is tried first, as what clients send.
  private static func configuration(_ bytes: [UInt8]) throws(StatusError) -> JSONValue {
    if bytes.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "{"),
      let json = try? JSONBody.parse(bytes)
    {
      return json
    }
    // A directive; each of them is compared with all before it.
    if bytes.indices.contains(where: { isDirective(bytes, at: $0) }) {
      throw StatusError(.badRequest, "error decoding YAML: directives (lines that begin with %) are not accepted")
    }
    let documents: [YAMLDocument]
    do throws(YAMLError) {
      documents = try YAMLStream.parse(bytes, file: "body", maximumNodeCount: JSONBody.maximumNodeCount)
    } catch {
      throw StatusError(.badRequest, "error decoding YAML: \(error)")
    }
    guard let document = documents.first, documents.count == 1 else {
      throw StatusError(.badRequest, "error decoding YAML: one document is expected, not \(documents.count)")
    }
    return document.value
  }

  private static func isDirective(_ bytes: [UInt8], at index: Int) -> Bool {
    bytes[index] == UInt8(ascii: "%") && (index == 0 || [0x0A, 0x0D].contains(bytes[index - 1]))
  }

  private func forbidden(_ call: APICall, _ key: ObjectKey, detail: String) throws -> StatusError {
    guard let attributes = try call.attributes() else { return StatusError(.forbidden, detail) }
    return AccessPolicy.forbidden(
      call.identity, attributes, namespace: key.namespace, name: key.name, detail: detail)
  }
}
