import Access
import HTTPService
import Hummingbird
import ResourceModel
import WireFormats

extension ResourceAPI {
  /// What is the same for every caller.
  /// - Parameter accept: the forms that the client takes.
  func document(_ path: APIPath, accept: String? = nil) throws -> Response {
    let discovery = Discovery(registry: registry)
    let document: JSONValue? =
      switch path {
      case .version: Discovery.version
      case .coreVersions: discovery.coreVersions
      case .groups: discovery.groups
      case .group(let name): discovery.group(name)
      case .resources(let group, let version): discovery.resources(group: group, version: version)
      case .root: discovery.paths
      case .customResourceDefinitions: Discovery.customResourceDefinitions
      default: nil
      }
    if let document { return .json(document) }
    switch path {
    case .openAPIV2 where OpenAPIDocuments.wantsProtobuf(accept: accept):
      return .bytes(openAPI.swaggerProtobuf, contentType: OpenAPIDocuments.protobufType)
    case .openAPIV2: return .json(bytes: openAPI.swagger)
    case .openAPIIndex: return .json(bytes: openAPI.index)
    case .openAPIDocument(let group, let version):
      guard let bytes = openAPI.document(group: group, version: version) else { throw StatusError.noSuchPath }
      return .json(bytes: bytes)
    default: throw StatusError.noSuchPath
    }
  }

  /// What the caller may do, and who it is.
  func answer(_ review: APIPath.Review, _ call: APICall) async throws -> Response {
    let body = try await JSONBody.read(call.request, maximumBytes: 64 << 10)
    let selfReview = SelfReview(identity: call.identity, policy: policy)
    let isProtobuf =
      call.request.headers[.contentType].map { HTTPMediaType($0).type } == "application/vnd.kubernetes.protobuf"
    let document =
      switch review {
      case .selfSubjectAccess: try selfReview.access(body: body, isProtobuf: isProtobuf)
      case .selfSubjectRules: try selfReview.rules(body: body, isProtobuf: isProtobuf)
      case .selfSubject: selfReview.subject
      }
    return .json(document, status: .created)
  }
}
