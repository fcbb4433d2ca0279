import WireFormats

/// The members of `metadata`, as JSON, and who may set them. What is in neither list (`managedFields`, `selfLink`) is
/// accepted and dropped.
enum ObjectMetadata {
  /// What a client may set and change.
  static let clientMembers: Set<String> = [
    "name", "generateName", "namespace", "labels", "annotations", "finalizers", "ownerReferences",
  ]
  /// What only the server sets; from a client it is taken as "what I read" and does not change anything.
  static let serverMembers: Set<String> = [
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
  ]

  /// The client's members that are there and not null; empty maps and lists count as absent.
  static func clientPart(of metadata: JSONValue) -> [String: JSONValue] {
    (metadata.object ?? [:]).filter { member in
      clientMembers.contains(member.key) && !member.value.isNull && member.value != [:] && member.value != []
    }
  }
}
