public import ResourceModel

/// How a customer is, as its heartbeats say (spec §7.1).
public enum ReportedHealth: String, Sendable, Hashable, CaseIterable {
  case healthy
  case degraded
  case unknown

  /// - Parameters:
  ///   - conditions: of the DesiredDeployment; nil where there is none.
  ///   - isOfNow: whether an Agent that writes them was heard of lately; otherwise they are of the past.
  public init(_ conditions: [Condition]?, isOfNow: Bool) {
    guard isOfNow else {
      self = .unknown
      return
    }
    func status(_ type: String) -> Condition.Status? { conditions?.first { $0.type == type }?.status }
    switch status("Healthy") ?? status("Ready") {
    case .isTrue: self = .healthy
    case .isFalse: self = .degraded
    case .unknown, nil: self = .unknown
    }
  }
}
