public import WireFormats

extension ResourceDefinition {
  /// The schema of a whole object: `apiVersion`, `kind` and `metadata` besides the kind's own fields.
  public var objectSchema: Schema {
    guard case .object(var properties, let required, let documentation) = schema else { return schema }
    properties["apiVersion"] = .string(
      Schema.Documentation("The version of this representation of the object: \(names.apiVersion)."))
    properties["kind"] = .string(Schema.Documentation("What the object is: \(names.kind)."))
    properties["metadata"] = ObjectMeta.schema
    return .object(properties: properties, required: required, documentation)
  }

  /// See `Schema.applyDefaults(to:)`.
  public func applyDefaults(to object: JSONValue) -> JSONValue { objectSchema.applyDefaults(to: object) }

  /// See `Schema.unknownFields(in:at:)`.
  public func unknownFields(in object: JSONValue) -> [FieldError] { objectSchema.unknownFields(in: object) }

  /// The object without the fields the kind does not know.
  public func pruned(_ object: JSONValue) -> JSONValue { objectSchema.pruned(object) }

  /// What is wrong with a defaulted object: its metadata, what its schema says, and where its schema accepts it, the
  /// kind's own rules. `old` is the object as it was; nil on creation.
  public func validationErrors(in object: JSONValue, old: JSONValue? = nil) -> [FieldError] {
    guard object.object != nil else { return [.typeInvalid("", expected: "object", actual: object.typeName)] }
    var errors = ObjectMeta.validate(object["metadata"])
    let schemaErrors = schema.validate(object)
    errors += schemaErrors.isEmpty ? validate(object, old) : schemaErrors
    return Array(errors.prefix(Schema.maximumErrorCount))
  }
}
