extension ObjectMeta {
  /// The schema of `metadata`, with the fields of Kubernetes that this API accepts and keeps but does not use.
  public static let schema = Schema.object(
    properties: [
      "name": .string(Schema.Documentation("Names the object within its namespace. Cannot be changed.")),
      "generateName": .string(
        Schema.Documentation("A prefix from which the server makes a unique name where name is not given.")),
      "namespace": .string(Schema.Documentation("The space within which the name is unique. Cannot be changed.")),
      "uid": .string(
        Schema.Documentation("Tells this object from others that had or will have its name. Set by the server.")),
      "resourceVersion": .string(
        Schema.Documentation(
          """
          Changes with every write; opaque to clients. Sent back with an update, the update is refused where the object \
          has changed in between. Set by the server.
          """)),
      "generation": .integer(
        Schema.Documentation("Counts the changes of the desired state. Set by the server.")),
      "creationTimestamp": .time("When the object was created. Set by the server.", isNullable: true),
      "deletionTimestamp": .time(
        "When deletion was asked for; the object goes when its last finalizer is removed. Set by the server.",
        isNullable: true),
      "deletionGracePeriodSeconds": .integer(
        Schema.Documentation("Seconds the object has to end by itself. Set by the server.")),
      "labels": .map(
        of: .string(), Schema.Documentation("Names and values to organize and select objects by.")),
      "annotations": .map(
        of: .string(), Schema.Documentation("Names and values that tools keep with the object; not for selecting.")),
      "finalizers": .array(
        of: .string(),
        Schema.Documentation("Who must do something before the object may go; each removes its own entry.")),
      "ownerReferences": .array(of: .any(), Schema.Documentation("The objects this object depends on.")),
      "managedFields": .array(of: .any(), Schema.Documentation("Which client set which field; kept for tools.")),
      "selfLink": .string(Schema.Documentation("Not used any more.")),
    ], Schema.Documentation("Standard object's metadata."))
}

extension Schema {
  /// A string without rules about its form.
  public static func string(_ documentation: Documentation) -> Schema { .string(StringRules(), documentation) }

  public static func integer(_ documentation: Documentation) -> Schema { .integer(range: nil, documentation) }

  /// A moment in RFC 3339.
  public static func time(_ description: String, isNullable: Bool = false) -> Schema {
    .string(StringRules(format: "date-time"), Documentation(description, isNullable: isNullable))
  }
}
