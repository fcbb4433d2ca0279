import ResourceModel
import WireFormats

/// A selector that looks at the object only where its key does not decide.
struct SelectorMatcher: Sendable {
  let selector: ObjectSelector
  private let keyRequirements: [ObjectSelector.FieldRequirement]
  private let rest: ObjectSelector

  init(_ selector: ObjectSelector) {
    self.selector = selector
    func concernsKey(_ requirement: ObjectSelector.FieldRequirement) -> Bool {
      switch requirement {
      case .equals(let path, _), .notEquals(let path, _): path == "metadata.name" || path == "metadata.namespace"
      }
    }
    keyRequirements = selector.fields.filter(concernsKey)
    rest = ObjectSelector(labels: selector.labels, fields: selector.fields.filter { !concernsKey($0) })
  }

  /// True where the key alone decides.
  var needsNoObject: Bool { rest.isEverything }

  func matches(_ key: ObjectKey) -> Bool {
    keyRequirements.allSatisfy { requirement in
      switch requirement {
      case .equals("metadata.name", let value): key.name == value
      case .notEquals("metadata.name", let value): key.name != value
      case .equals(_, let value): key.namespace == value
      case .notEquals(_, let value): key.namespace != value
      }
    }
  }

  /// - Parameter object: parses the object; called only where it is needed.
  func matches(_ key: ObjectKey, _ object: () throws -> JSONValue) rethrows -> Bool {
    guard matches(key) else { return false }
    return needsNoObject ? true : rest.matches(try object())
  }
}
