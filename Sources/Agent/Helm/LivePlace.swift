import WireFormats

/// Where a field is in a live object, whatever the order in which its lists have their elements.
struct LivePlace: Sendable, Hashable {
  enum Step: Sendable, Hashable {
    case member(String)
    case index(Int)
    /// The element of a list that has these values.
    case element([String: JSONValue])
  }

  var steps: [Step] = []

  func appending(_ step: Step) -> LivePlace { LivePlace(steps: steps + [step]) }

  /// Nil where there is nothing.
  func value(in object: JSONValue) -> JSONValue? {
    var value: JSONValue? = object
    for step in steps {
      guard let here = value else { return nil }
      switch step {
      case .member(let name): value = here[name]
      case .index(let index): value = here.array.flatMap { $0.indices.contains(index) ? $0[index] : nil }
      case .element(let keys): value = here.array?.first { ListKeys.matches($0, keys) }
      }
    }
    return value == .null ? nil : value
  }

  /// Who says, by an object's `managedFields`, to have written this field last; nil where nobody does.
  /// - Parameter own: the manager that is not looked for.
  func manager(in object: JSONValue, besides own: String) -> String? {
    let entries = (object["metadata"]?["managedFields"]?.array ?? []).filter { entry in
      entry["manager"]?.string.map { $0 != own } == true && isOwned(in: entry["fieldsV1"])
    }
    return entries.max { ($0["time"]?.string ?? "") < ($1["time"]?.string ?? "") }?["manager"]?.string
  }

  private func isOwned(in fields: JSONValue?) -> Bool {
    guard var fields else { return false }
    for step in steps {
      guard let members = fields.object else { return false }
      let next: JSONValue?
      switch step {
      case .member(let name): next = members["f:\(name)"]
      case .index(let index): next = members["i:\(index)"]
      case .element(let keys):
        next =
          members.first { name, _ in
            guard name.hasPrefix("k:"), let key = try? JSONValue(parsing: Array(name.dropFirst(2).utf8)) else {
              return false
            }
            return ListKeys.matches(key, keys)
          }?.value
      }
      // What is owned as a whole names nothing within it.
      guard let next else { return members.isEmpty }
      fields = next
    }
    return true
  }
}

/// What the elements of a list are told apart by, where their place does not matter.
enum ListKeys {
  /// The server fills these in.
  private static let defaults: [String: JSONValue] = ["protocol": "TCP"]

  private static let usual = [
    ["name"], ["mountPath"], ["devicePath"], ["containerPort", "protocol"], ["port", "protocol"], ["ip"],
  ]

  /// Where the kind says nothing; nil for elements that nothing tells apart.
  static func usual(of elements: [JSONValue]) -> [String]? { usual.first { tellsApart(elements, $0) } }

  static func tellsApart(_ elements: [JSONValue], _ names: [String]) -> Bool {
    guard let first = names.first, elements.allSatisfy({ $0[first] != nil }) else { return false }
    return Set(elements.map { values(of: $0, names) }).count == elements.count
  }

  static func values(of element: JSONValue, _ names: [String]) -> [String: JSONValue] {
    var values: [String: JSONValue] = [:]
    for name in names { values[name] = value(of: element, name) }
    return values
  }

  static func matches(_ element: JSONValue, _ keys: [String: JSONValue]) -> Bool {
    keys.allSatisfy { value(of: element, $0.key) == $0.value }
  }

  private static func value(of element: JSONValue, _ name: String) -> JSONValue? {
    switch element[name] {
    case nil, .null?, .string("")?: defaults[name]
    case let value?: value
    }
  }
}
