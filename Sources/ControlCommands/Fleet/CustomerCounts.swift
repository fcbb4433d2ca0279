import FleetKinds
import WireFormats

/// Where the customers of a stage stand. Each is in one bucket.
struct CustomerCounts: Hashable {
  /// In the order in which they are shown: what was reported, what is under way, what waits, what is apart.
  private static let order: [TargetBucket] = [
    .succeeded, .failed, .inProgress, .notifying, .scheduled, .consent, .waiting, .offline, .silent, .blocked,
    .cancelled,
  ]

  private var counts: [TargetBucket: Int64] = [:]

  init(_ counts: [TargetBucket: Int64] = [:]) { self.counts = counts.filter { $0.value > 0 } }

  /// - Parameter json: `status.stages[].counts` of a Rollout.
  init(json: JSONValue?) {
    for bucket in TargetBucket.allCases {
      if let count = json?[bucket.rawValue]?.integer, count > 0 { counts[bucket] = count }
    }
  }

  subscript(bucket: TargetBucket) -> Int64 { counts[bucket] ?? 0 }

  var members: Int64 { counts.values.reduce(0, +) }
  var reported: Int64 { self[.succeeded] + self[.failed] }

  /// `28 healthy, 3 failed, 4 waiting for consent`.
  var text: String {
    Self.order.filter { self[$0] > 0 }.map { "\(self[$0]) \($0.words)" }.joined(separator: ", ")
  }

  static func + (left: CustomerCounts, right: CustomerCounts) -> CustomerCounts {
    CustomerCounts(left.counts.merging(right.counts, uniquingKeysWith: +))
  }
}

extension TargetBucket {
  /// As in "3 waiting for consent": the words of the fleet dashboard. Those that failed are also those that rolled back.
  fileprivate var words: String {
    switch self {
    case .succeeded: "healthy"
    case .failed: "failed"
    case .inProgress: "installing"
    case .notifying: "being notified"
    case .scheduled: "waiting for their window"
    case .consent: "waiting for consent"
    case .waiting: "not offered yet"
    case .offline: "offline"
    case .silent: "silent"
    case .blocked: "passed over"
    case .cancelled: "taken back"
    }
  }
}
