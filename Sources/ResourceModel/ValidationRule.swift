public import WireFormats

/// A rule that no schema says, twice: as this program checks it, and as an API server does that serves the CRD.
public struct ValidationRule: Sendable {
  /// The schema's node that the expression is about, from the object down; `[]` is any element.
  public var path: [String]
  /// In the Common Expression Language: true where the rule is kept. One that names `oldSelf` is asked of changes only.
  public var expression: String
  /// What an API server says where it is not.
  public var message: String
  /// Of an object's spec that the schema accepts; the old one is nil where there is none.
  public var errors: @Sendable (_ spec: JSONValue, _ old: JSONValue?) -> [FieldError]

  public init(
    path: [String], expression: String, message: String,
    errors: @escaping @Sendable (_ spec: JSONValue, _ old: JSONValue?) -> [FieldError]
  ) {
    self.path = path
    self.expression = expression
    self.message = message
    self.errors = errors
  }
}
