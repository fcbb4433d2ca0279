public import WireFormats

/// One observation of an object's state (Kubernetes `metav1.Condition`).
public struct Condition: Sendable, Hashable, Codable {
  public enum Status: String, Sendable, Hashable, Codable {
    case isTrue = "True"
    case isFalse = "False"
    case unknown = "Unknown"
  }

  public var type: String
  public var status: Status
  public var observedGeneration: Int64?
  /// When `status` last changed.
  public var lastTransitionTime: Timestamp
  /// One word in CamelCase, for programs.
  public var reason: String
  /// A sentence a person can act on.
  public var message: String

  public init(
    type: String, status: Status, observedGeneration: Int64? = nil, lastTransitionTime: Timestamp, reason: String,
    message: String
  ) {
    self.type = type
    self.status = status
    self.observedGeneration = observedGeneration
    self.lastTransitionTime = lastTransitionTime
    self.reason = reason
    self.message = message
  }
}

extension [Condition] {
  public subscript(type: String) -> Condition? { first { $0.type == type } }

  public func isTrue(_ type: String) -> Bool { self[type]?.status == .isTrue }

  /// Adds or replaces the condition of that type; `lastTransitionTime` stays where `status` does.
  public mutating func set(_ condition: Condition) {
    guard let index = firstIndex(where: { $0.type == condition.type }) else {
      append(condition)
      return
    }
    var next = condition
    if self[index].status == condition.status { next.lastTransitionTime = self[index].lastTransitionTime }
    self[index] = next
  }

  public mutating func remove(_ type: String) { removeAll { $0.type == type } }
}
