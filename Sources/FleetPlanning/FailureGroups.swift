public import WireFormats

/// Failures of one release, put together by what they have in common: `37 of 412: ImagePullFailed, media`.
public struct FailureGroups: Sendable {
  public struct Group: Sendable, Hashable {
    public var reason: String
    /// Empty where none was reported.
    public var component: String
    /// As `FailureMessage` has it.
    public var message: String
    public var count: Int
    /// The first `shownOrganizations` by name.
    public var organizations: [String]

    /// How many organizations are not shown.
    public var more: Int { count - organizations.count }

    public var json: JSONValue {
      [
        "reason": .string(reason), "component": .string(component), "message": .string(message),
        "count": .integer(Int64(count)), "organizations": .array(organizations.map { .string($0) }),
        "more": .integer(Int64(more)),
      ]
    }
  }

  /// What failures of one group have in common.
  public struct Key: Sendable, Hashable {
    public var reason: String
    public var component: String
    public var message: String
  }

  public static func key(reason: String?, component: String?, message: String?) -> Key {
    Key(
      reason: reason.flatMap { $0.isEmpty ? nil : $0 } ?? unknownReason, component: component ?? "",
      message: FailureMessage.normalized(message ?? ""))
  }

  public static let shownOrganizations = 20
  public static let unknownReason = "Unknown"
  static let variousMessages = "(various messages)"

  private let maximumGroups: Int
  private var groups: [Key: Group] = [:]
  /// How many failures were added.
  public private(set) var failed = 0

  /// - Parameter maximumGroups: how many are told apart. What comes after is put together by reason and component alone, and
  ///   at last in one group.
  public init(maximumGroups: Int = 500) { self.maximumGroups = maximumGroups }

  public mutating func add(organization: String, reason: String?, component: String?, message: String?) {
    failed += 1
    let key = Self.key(reason: reason, component: component, message: message)
    let coarse = Key(reason: key.reason, component: key.component, message: Self.variousMessages)
    let other = Key(reason: "Other", component: "", message: Self.variousMessages)
    let candidates = [(key, maximumGroups), (coarse, 2 * maximumGroups)]
    let chosen = candidates.first { groups[$0.0] != nil || groups.count < $0.1 }?.0 ?? other
    groups[
      chosen,
      default: Group(
        reason: chosen.reason, component: chosen.component, message: chosen.message, count: 0, organizations: [])
    ].add(organization)
  }

  /// The largest first; those of one size by reason, component and message.
  public func largest(_ count: Int = 50) -> [Group] {
    Array(groups.values.sorted { Self.precedes($0, $1) }.prefix(count))
  }

  private static func precedes(_ left: Group, _ right: Group) -> Bool {
    left.count == right.count
      ? (left.reason, left.component, left.message) < (right.reason, right.component, right.message)
      : left.count > right.count
  }
}

extension FailureGroups.Group {
  fileprivate mutating func add(_ organization: String) {
    count += 1
    let place = organizations.firstIndex { $0 > organization } ?? organizations.count
    guard place < FailureGroups.shownOrganizations else { return }
    organizations.insert(organization, at: place)
    if organizations.count > FailureGroups.shownOrganizations { organizations.removeLast() }
  }
}
