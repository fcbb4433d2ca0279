import WireFormats

/// The members of `metadata`, as JSON, and who may set them. What is in neither list (`selfLink`) is accepted and dropped.
enum ObjectMetadata {
  /// What a client may set and change.
  static let clientMembers: Set<String> = [
    "name", "generateName", "namespace", "labels", "annotations", "finalizers", "ownerReferences",
  ]
  /// What only the server sets; from a client it is taken as "what I read" and does not change anything, apart from
  /// `managedFields` (see `FieldAuthorship`).
  static let serverMembers: Set<String> = [
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
    "managedFields",
  ]

  /// The client's members that are there and not null; empty maps and lists count as absent. Of owners that are named twice
  /// the first counts.
  static func clientPart(of metadata: JSONValue) -> [String: JSONValue] {
    var members = (metadata.object ?? [:]).filter { member in
      clientMembers.contains(member.key) && !member.value.isNull && member.value != [:] && member.value != []
    }
    if let references = members["ownerReferences"]?.array {
      var owners: Set<JSONValue> = []
      members["ownerReferences"] = .array(references.filter { owners.insert($0["uid"] ?? .null).inserted })
    }
    return members
  }
}
