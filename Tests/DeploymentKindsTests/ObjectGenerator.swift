import ResourceModel
import WireFormats

/// Values near what a schema accepts.
enum ObjectGenerator {
  static func value(for schema: Schema, _ generator: inout SeededGenerator) -> JSONValue {
    if Int.random(in: 0..<200, using: &generator) == 0 {
      return [nil, 1, "x", [], [:]].randomElement(using: &generator) ?? nil
    }
    switch schema {
    case .string(let rules, _): return .string(text(rules, &generator))
    case .integer(let range, _): return .integer(Int64.random(in: range ?? .min ... .max, using: &generator))
    case .number: return .number(Double.random(in: -1...1, using: &generator))
    case .boolean: return .bool(.random(using: &generator))
    case .array(let element, _, _):
      return .array((0..<Int.random(in: 0..<3, using: &generator)).map { _ in value(for: element, &generator) })
    case .map(let element, _, _):
      return ["backend": value(for: element, &generator), "media": value(for: element, &generator)]
    case .object(let properties, let required, _):
      var members: [String: JSONValue] = [:]
      for name in properties.keys.sorted() {
        guard let property = properties[name], required.contains(name) || Bool.random(using: &generator) else {
          continue
        }
        members[name] = value(for: property, &generator)
      }
      // Half of the time such that the rules between fields hold.
      if properties["runtime"] != nil, Bool.random(using: &generator) {
        members[members["runtime"] == "Helm" ? "compose" : "helm"] = nil
        for name in ["version", "artifact", members["runtime"] == "Helm" ? "helm" : "compose"] {
          members[name] = members[name] ?? properties[name].map { value(for: $0, &generator) }
        }
        members["rollbackTo"] = nil
      }
      return .object(members)
    case .any: return [:]
    }
  }

  private static func text(_ rules: Schema.StringRules, _ generator: inout SeededGenerator) -> String {
    if let word = rules.enumeration.randomElement(using: &generator) { return word }
    if rules.format == "date-time" {
      return ["2026-12-15T02:00:00Z", "2026-12-15T02:00:00.123456789+01:00"].randomElement(using: &generator) ?? ""
    }
    let words = [
      "2.3.0", "1s", "10m", "0", "1h1m1s1ms", "999999h", "a", "A_1", "x-y", String(repeating: "0a", count: 32),
      String(repeating: "A", count: 86) + "==", "",
    ]
    let fitting = words.filter { Schema.string(rules, Schema.Documentation()).validate(.string($0)).isEmpty }
    return (Int.random(in: 0..<50, using: &generator) == 0 ? words : fitting).randomElement(using: &generator) ?? ""
  }
}
