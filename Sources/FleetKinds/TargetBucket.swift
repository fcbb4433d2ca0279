/// Where a member of a stage stands, as a rollout counts it. Every target is in exactly one.
public enum TargetBucket: String, Sendable, Hashable, Codable, CaseIterable {
  /// Not offered yet.
  case waiting
  /// Offered; the webhook is neither acknowledged nor given up.
  case notifying
  /// Offered; the customer has not answered yet, or let the deadline of a forced release pass.
  case consent
  /// The customer has chosen when.
  case scheduled
  case inProgress
  case succeeded
  case failed
  /// Not offered: for the licence, the version that the customer runs, or since there is no artifact for it.
  case blocked
  /// Offered to a customer that is Offline or Critical, whether it has begun or not.
  case offline
  /// Offered, or in progress, for longer than the gate waits for word of it.
  case silent
  case cancelled
}

/// How many members of a stage are in which bucket. The number of members is always the sum of the others.
public struct StageCounts: Sendable, Hashable {
  public var waiting = 0
  public var notifying = 0
  public var consent = 0
  public var scheduled = 0
  public var inProgress = 0
  public var succeeded = 0
  public var failed = 0
  public var blocked = 0
  public var offline = 0
  public var silent = 0
  public var cancelled = 0

  public init() {}

  public init(_ counts: [TargetBucket: Int]) {
    for (bucket, count) in counts { self[bucket] = count }
  }

  public subscript(bucket: TargetBucket) -> Int {
    get {
      switch bucket {
      case .waiting: waiting
      case .notifying: notifying
      case .consent: consent
      case .scheduled: scheduled
      case .inProgress: inProgress
      case .succeeded: succeeded
      case .failed: failed
      case .blocked: blocked
      case .offline: offline
      case .silent: silent
      case .cancelled: cancelled
      }
    }
    set {
      switch bucket {
      case .waiting: waiting = newValue
      case .notifying: notifying = newValue
      case .consent: consent = newValue
      case .scheduled: scheduled = newValue
      case .inProgress: inProgress = newValue
      case .succeeded: succeeded = newValue
      case .failed: failed = newValue
      case .blocked: blocked = newValue
      case .offline: offline = newValue
      case .silent: silent = newValue
      case .cancelled: cancelled = newValue
      }
    }
  }

  public var members: Int { underWay + waiting + reported + consent + scheduled + unreachable }

  /// What `maxInFlight` bounds.
  public var underWay: Int { notifying + inProgress }

  /// What every ratio is of.
  public var reported: Int { succeeded + failed }

  /// Members that block nothing and are in no ratio, since nobody expects a report of them.
  public var unreachable: Int { offline + silent + blocked + cancelled }

  /// Members that may still report as things stand.
  public var pending: Int { waiting + underWay + consent + scheduled }

  public static func + (left: StageCounts, right: StageCounts) -> StageCounts {
    var sum = left
    for bucket in TargetBucket.allCases { sum[bucket] += right[bucket] }
    return sum
  }
}

extension StageCounts: Codable {
  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  public init(from decoder: any Decoder) throws {
    self.init()
    let container = try decoder.container(keyedBy: Key.self)
    for bucket in TargetBucket.allCases {
      self[bucket] = try container.decodeIfPresent(Int.self, forKey: Key(bucket.rawValue)) ?? 0
    }
  }

  /// With `members`, for those that read it; it is not read back.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(members, forKey: Key("members"))
    for bucket in TargetBucket.allCases { try container.encode(self[bucket], forKey: Key(bucket.rawValue)) }
  }
}
