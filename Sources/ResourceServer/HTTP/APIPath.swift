import Access
import HTTPService
import ResourceModel
import WireFormats

/// What a request's path names.
enum APIPath: Hashable {
  case version
  /// `/api`
  case coreVersions
  /// `/apis`
  case groups
  /// `/apis/GROUP`
  case group(String)
  /// `/api/VERSION`, `/apis/GROUP/VERSION`
  case resources(group: String, version: String)
  /// `/`
  case root
  /// `/apis/apiextensions.k8s.io/v1/customresourcedefinitions`
  case customResourceDefinitions
  /// `/openapi/v2`
  case openAPIV2
  case openAPIIndex
  case openAPIDocument(group: String, version: String)
  /// Nil for all namespaces, and for objects of the whole cluster.
  case collection(GroupVersionPlural, namespace: String?)
  case object(GroupVersionPlural, ObjectKey)
  case status(GroupVersionPlural, ObjectKey)
  case review(Review)

  struct GroupVersionPlural: Hashable {
    var group: String
    var version: String
    var plural: String
  }

  enum Review: Hashable {
    case selfSubjectAccess
    case selfSubjectRules
    case selfSubject
  }

  /// Nil where nothing is served under that path. `path` is still percent-encoded.
  init?(_ path: String) {
    // What lies between two slashes has no name: left out, a namespace's objects would be the namespace itself.
    guard !RequestPath.hasEmptyPart(path) else { return nil }
    var segments: [String] = []
    for segment in path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true) {
      guard let decoded = PercentEncoding.decode(Substring(segment)), decoded != ".", decoded != ".." else {
        return nil
      }
      segments.append(decoded)
    }
    switch (segments.first, segments.count) {
    case (nil, _): self = .root
    case ("version", 1): self = .version
    case ("api", 1): self = .coreVersions
    case ("apis", 1): self = .groups
    case ("apis", 2): self = .group(segments[1])
    case ("api", 2...): self.init(group: "", version: segments[1], rest: segments[2...])
    case ("apis", 3...): self.init(group: segments[1], version: segments[2], rest: segments[3...])
    case ("openapi", 2) where segments[1] == "v2": self = .openAPIV2
    case ("openapi", 2) where segments[1] == "v3": self = .openAPIIndex
    case ("openapi", 4) where segments[1] == "v3" && segments[2] == "api":
      self = .openAPIDocument(group: "", version: segments[3])
    case ("openapi", 5) where segments[1] == "v3" && segments[2] == "apis":
      self = .openAPIDocument(group: segments[3], version: segments[4])
    default: return nil
    }
  }

  private init?(group: String, version: String, rest: ArraySlice<String>) {
    let rest = Array(rest)
    func names(_ plural: String) -> GroupVersionPlural {
      GroupVersionPlural(group: group, version: version, plural: plural)
    }
    if version == "v1", rest.count == 1 {
      switch (group, rest[0]) {
      case ("authorization.k8s.io", "selfsubjectaccessreviews"):
        self = .review(.selfSubjectAccess)
        return
      case ("authorization.k8s.io", "selfsubjectrulesreviews"):
        self = .review(.selfSubjectRules)
        return
      case ("apiextensions.k8s.io", "customresourcedefinitions"):
        self = .customResourceDefinitions
        return
      case ("authentication.k8s.io", "selfsubjectreviews"):
        self = .review(.selfSubject)
        return
      default: break
      }
    }
    switch rest.count {
    case 0: self = .resources(group: group, version: version)
    case 1: self = .collection(names(rest[0]), namespace: nil)
    case 2: self = .object(names(rest[0]), ObjectKey(namespace: "", name: rest[1]))
    // No kind is called "status", so this is no collection of a namespace either.
    case 3 where rest[2] == "status":
      self = .status(names(rest[0]), ObjectKey(namespace: "", name: rest[1]))
    case 3 where rest[0] == "namespaces": self = .collection(names(rest[2]), namespace: rest[1])
    case 4 where rest[0] == "namespaces":
      self = .object(names(rest[2]), ObjectKey(namespace: rest[1], name: rest[3]))
    case 5 where rest[0] == "namespaces" && rest[4] == "status":
      self = .status(names(rest[2]), ObjectKey(namespace: rest[1], name: rest[3]))
    default: return nil
    }
  }
}
