import HTTPService
import ResourceModel
import WireFormats

/// The options of a deletion (`metav1.DeleteOptions`), from the query and the body together. How dependents are deleted
/// makes no difference here, since nothing depends on an object; what is no such option is refused all the same, so that
/// nothing is deleted by a request that was meant otherwise.
struct DeleteOptions: Hashable {
  var isDryRun: Bool
  var preconditions = DeletePreconditions()

  /// - Parameter body: nil where the request has none.
  init(_ query: QueryItems, body: JSONValue?) throws(StatusError) {
    isDryRun = try WriteOptions(query, for: .delete).isDryRun
    _ = try query.number("gracePeriodSeconds")
    var policy = query["propagationPolicy"].map(JSONValue.string)
    var orphans: JSONValue? = query.flag("orphanDependents").map(JSONValue.bool)
    if let body {
      guard body.object != nil else {
        throw StatusError(.badRequest, "the body must be DeleteOptions, not \(body.typeName)")
      }
      if let kind = body["kind"], kind != "DeleteOptions", kind != "" {
        throw StatusError(
          .badRequest,
          "the kind in the data (\(kind.string ?? kind.typeName)) does not match the expected kind (DeleteOptions)")
      }
      try Self.checkMembers(body, of: "DeleteOptions", known: Self.members)
      if let version = body["apiVersion"], !["v1", "", "meta.k8s.io/v1"].contains(version.string) {
        throw StatusError(
          .badRequest,
          "the API version in the data (\(version.string ?? version.typeName)) is not that of DeleteOptions (v1)")
      }
      if let dryRun = body["dryRun"], !dryRun.isNull, dryRun != [] {
        guard dryRun == ["All"] else { throw StatusError(.badRequest, "dryRun must be [\"All\"]") }
        isDryRun = true
      }
      if let seconds = body["gracePeriodSeconds"], !seconds.isNull, (seconds.integer ?? -1) < 0 {
        throw StatusError(.badRequest, "gracePeriodSeconds must be a whole number from 0")
      }
      if let own = body["propagationPolicy"], !own.isNull { policy = own }
      if let own = body["orphanDependents"], !own.isNull { orphans = own }
      if let own = body["preconditions"], !own.isNull {
        guard own.object != nil else {
          throw StatusError(.badRequest, "preconditions must be an object, not \(own.typeName)")
        }
        try Self.checkMembers(own, of: "preconditions", known: ["uid", "resourceVersion"])
      }
      preconditions.uid = try Self.text("uid", of: body["preconditions"])
      preconditions.resourceVersion = try Self.text("resourceVersion", of: body["preconditions"])
    }
    if policy != nil, orphans != nil {
      throw StatusError(.invalid, "DeleteOptions is invalid: propagationPolicy and orphanDependents cannot both be set")
    }
    if let policy, policy.string.flatMap(PropagationPolicy.init(rawValue:)) == nil {
      let known = PropagationPolicy.allCases.map(\.rawValue).joined(separator: ", ")
      throw StatusError(
        .invalid,
        "DeleteOptions is invalid: propagationPolicy: Unsupported value: \"\((policy.string ?? policy.typeName).prefix(40))\": "
          + "supported values: \(known)")
    }
  }

  private static let members: Set<String> = [
    "apiVersion", "kind", "dryRun", "gracePeriodSeconds", "propagationPolicy", "orphanDependents", "preconditions",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
  ]

  /// What is misspelt would otherwise delete what it was to protect.
  private static func checkMembers(_ value: JSONValue, of title: String, known: Set<String>) throws(StatusError) {
    guard let unknown = value.object?.keys.filter({ !known.contains($0) }).min() else { return }
    throw StatusError(.badRequest, "\(title) has no field \"\(unknown.prefix(40))\"")
  }

  private static func text(_ member: String, of preconditions: JSONValue?) throws(StatusError) -> String? {
    guard let value = preconditions?[member], !value.isNull else { return nil }
    guard let text = value.string else {
      throw StatusError(.badRequest, "preconditions.\(member) must be a string, not \(value.typeName)")
    }
    return text
  }
}
