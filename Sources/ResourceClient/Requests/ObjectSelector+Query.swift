import ResourceModel

extension ObjectSelector {
  var queryItems: [(name: String, value: String)] {
    var items: [(name: String, value: String)] = []
    if !labels.isEmpty { items.append(("labelSelector", labels.map(\.text).joined(separator: ","))) }
    if !fields.isEmpty { items.append(("fieldSelector", fields.map(\.text).joined(separator: ","))) }
    return items
  }
}

extension ObjectSelector.LabelRequirement {
  /// The requirement in the grammar of label selectors.
  fileprivate var text: String {
    switch self {
    case .equals(let key, let value): "\(key)=\(value)"
    case .notEquals(let key, let value): "\(key)!=\(value)"
    case .isIn(let key, let values): "\(key) in (\(values.sorted().joined(separator: ",")))"
    case .isNotIn(let key, let values): "\(key) notin (\(values.sorted().joined(separator: ",")))"
    case .exists(let key): key
    case .doesNotExist(let key): "!\(key)"
    }
  }
}

extension ObjectSelector.FieldRequirement {
  /// The requirement in the grammar of field selectors, where `\`, `,` and `=` of a value are escaped.
  fileprivate var text: String {
    switch self {
    case .equals(let path, let value): "\(path)=\(escaped(value))"
    case .notEquals(let path, let value): "\(path)!=\(escaped(value))"
    }
  }

  private func escaped(_ value: String) -> String {
    var output = ""
    for character in value {
      if character == "\\" || character == "," || character == "=" { output.append("\\") }
      output.append(character)
    }
    return output
  }
}
