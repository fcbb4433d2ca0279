import HTTPService
import ResourceModel
import WireFormats

/// How a patch is written.
enum PatchFormat: String, Hashable, CaseIterable {
  case jsonPatch = "application/json-patch+json"
  case mergePatch = "application/merge-patch+json"
  /// For kinds of Kubernetes' own, whose clients send it by default.
  case strategicMergePatch = "application/strategic-merge-patch+json"
  /// Server-side apply: no patch but a configuration.
  case apply = "application/apply-patch+yaml"

  /// - Throws: `unsupportedMediaType`, naming what is accepted for objects of that kind.
  init(contentType: String?, for names: ResourceNames) throws(StatusError) {
    let type = HTTPMediaType(contentType ?? "").type
    let formats = Self.allCases.filter { names.isKubernetesOwn || $0 != .strategicMergePatch }
    if let format = PatchFormat(rawValue: type), formats.contains(format) {
      self = format
      return
    }
    let accepted = formats.map(\.rawValue).joined(separator: ", ")
    let reason =
      switch type {
      case "application/strategic-merge-patch+json":
        "strategic merge patches are not supported for \(names.qualifiedPlural); use --type=merge or --type=json"
      case "": "a patch must say its format in Content-Type"
      default: "the body of the request was in an unknown format (\(type.prefix(80)))"
      }
    throw StatusError(.unsupportedMediaType, "\(reason) - accepted media types include: \(accepted)")
  }
}

/// A change to an object, whatever its format.
enum ObjectPatch {
  case json(JSONPatch)
  case merge(JSONValue)
  case strategic(StrategicMergePatch)

  /// - Parameter format: any but `apply`.
  init(_ body: JSONValue, format: PatchFormat, for definition: ResourceDefinition) throws(StatusError) {
    switch format {
    case .mergePatch, .apply:
      guard body.object != nil else {
        throw StatusError(.badRequest, "a merge patch of an object must be an object, not \(body.typeName)")
      }
      self = .merge(body)
    case .strategicMergePatch:
      do {
        self = .strategic(try StrategicMergePatch(body, schema: definition.objectSchema))
      } catch {
        throw StatusError(.badRequest, error.description)
      }
    case .jsonPatch:
      do {
        self = .json(try JSONPatch(body))
      } catch {
        throw Self.statusError(error)
      }
    }
  }

  func applied(to object: JSONValue, _ names: ResourceNames) throws(StatusError) -> JSONValue {
    switch self {
    case .merge(let patch): return object.mergePatched(with: patch)
    case .strategic(let patch): return patch.applied(to: object)
    case .json(let patch):
      do {
        return try patch.applied(to: object)
      } catch {
        throw Self.statusError(error)
      }
    }
  }

  private static func statusError(_ error: JSONPatchError) -> StatusError {
    switch error.reason {
    case .malformed: StatusError(.badRequest, "the JSON patch is malformed: \(error)")
    case .notApplicable:
      StatusError(.invalid, "the server rejected our request due to an error in our request: \(error)")
    case .tooLarge: StatusError(.requestEntityTooLarge, "\(error)")
    }
  }
}
