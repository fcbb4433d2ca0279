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
        Schema.Documentation("Who must do something before the object may go; each removes its own entry.", isSet: true)
      ),
      "ownerReferences": .array(
        of: ownerReference, maximumCount: 64,
        Schema.Documentation("The objects this object depends on.", listKey: "uid")),
      "managedFields": .array(
        of: managedFieldsEntry, maximumCount: 256,
        Schema.Documentation("Which client set which field. Kept by the server.")),
      "selfLink": .string(Schema.Documentation("Not used any more.")),
    ], Schema.Documentation("Standard object's metadata."))

  /// The fields that managers own: not those that name the object, nor those that only the server sets.
  static let ownedSchema: Schema = {
    guard case .object(let properties, _, _) = schema else { return schema }
    let owned: Set = ["labels", "annotations", "finalizers", "ownerReferences", "generateName"]
    return .object(properties: properties.filter { owned.contains($0.key) })
  }()

  private static func text(atMost maximumLength: Int, _ description: String) -> Schema {
    .string(Schema.StringRules(maximumLength: maximumLength), Schema.Documentation(description))
  }

  private static let ownerReference = Schema.object(
    properties: [
      "apiVersion": text(atMost: 317, "The owner's API version."),
      "kind": text(atMost: 63, "The owner's kind."),
      "name": text(atMost: 253, "The owner's name."),
      "uid": text(atMost: 128, "The owner's uid."),
      "controller": .boolean(Schema.Documentation("Whether the owner manages this object.")),
      "blockOwnerDeletion": .boolean(
        Schema.Documentation("Whether the owner waits for this object's deletion in a foreground deletion.")),
    ], required: ["apiVersion", "kind", "name", "uid"],
    Schema.Documentation("An object this object depends on.", isAtomic: true))

  private static let managedFieldsEntry = Schema.object(
    properties: [
      "manager": text(atMost: 128, "Who set the fields."),
      "operation": text(atMost: 16, "Apply or Update."),
      "apiVersion": text(atMost: 317, "The version the fields were set in."),
      "time": .time("When the fields were set.", isNullable: true),
      "fieldsType": text(atMost: 32, "The form of fieldsV1."),
      "fieldsV1": .any(Schema.Documentation("The set of fields.")),
      "subresource": text(atMost: 63, "The subresource through which the fields were set."),
    ], Schema.Documentation("The fields that one client set."))
}

extension Schema {
  /// A string without rules about its form.
  public static func string(_ documentation: Documentation) -> Schema { .string(StringRules(), documentation) }

  public static func integer(_ documentation: Documentation) -> Schema { .integer(range: nil, documentation) }

  /// A moment in RFC 3339, kept with six digits of fraction (`metav1.MicroTime`).
  public static func microTime(_ description: String, isNullable: Bool = false) -> Schema {
    .string(
      StringRules(format: "date-time", hasMicroseconds: true), Documentation(description, isNullable: isNullable))
  }

  /// A moment in RFC 3339.
  public static func time(_ description: String, isNullable: Bool = false) -> Schema {
    .string(StringRules(format: "date-time"), Documentation(description, isNullable: isNullable))
  }
}
