import WireFormats

extension Schema {
  /// The fields that a configuration sets: what its author wants to own. Fields that the schema does not have are passed
  /// over.
  ///
  /// The entries of maps and the elements of lists are owned themselves besides what lies in them; objects are not, so that
  /// several managers can own fields of one, unless they are empty.
  func fields(of configuration: JSONValue) -> FieldSet {
    switch structure(of: configuration) {
    case .whole: return .member
    case .fields:
      var result = FieldSet()
      for (name, value) in configuration.object ?? [:] {
        guard let schema = member(name) else { continue }
        let isOwned = !hasNamedFields || value.isNull || value == [:]
        let fields = schema.fields(of: value)
        result[.field(name)] = isOwned ? fields.with(isMember: true) : fields
      }
      return result
    case .elements(let identity, let element):
      var result = FieldSet()
      for (place, value) in identity.elements(of: configuration) ?? [] {
        result[place] = element.fields(of: value).with(isMember: true)
      }
      return result
    }
  }

  /// The set together with the objects around its fields, which no manager owns by itself.
  func withEnclosingObjects(_ fields: FieldSet) -> FieldSet {
    var children = fields.children
    for (place, child) in fields.children where !child.children.isEmpty {
      guard let schema = element(place) else { continue }
      let whole = schema.withEnclosingObjects(child)
      children[place] = hasNamedFields && place.fieldName != nil ? whole.with(isMember: true) : whole
    }
    return FieldSet(isMember: fields.isMember, children: children)
  }
}
