import HTTPService
import ResourceModel

/// In which form a client wants its answer (`Accept`).
enum Representation: Hashable {
  case json
  /// Rows and columns, rendered here, so that `kubectl get` shows the kind's own columns.
  case table
  /// The metadata alone.
  case metadata

  /// Takes the first alternative that is served, in the client's order; protobuf and YAML are passed over.
  /// - Throws: `notAcceptable` where nothing the client takes is served.
  init(accept: String?) throws(StatusError) {
    guard let accept, !accept.isEmpty else {
      self = .json
      return
    }
    for alternative in accept.split(separator: ",") {
      let media = HTTPMediaType(alternative)
      switch media.type {
      case "application/json", "application/*", "*/*":
        guard let form = media.parameters["as"] else {
          self = .json
          return
        }
        guard media.parameters["g"] == "meta.k8s.io", media.parameters["v"] == "v1" else { continue }
        switch form {
        case "Table":
          self = .table
          return
        case "PartialObjectMetadata", "PartialObjectMetadataList":
          self = .metadata
          return
        default: continue
        }
      default: continue
      }
    }
    throw StatusError(
      .notAcceptable,
      "only application/json is served, also with as=Table, as=PartialObjectMetadata or as=PartialObjectMetadataList "
        + "and v=v1;g=meta.k8s.io")
  }
}
