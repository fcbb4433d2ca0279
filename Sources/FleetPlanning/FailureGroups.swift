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

    public var key: Key { Key(reason: reason, component: component, message: message) }

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

  public static let shownOrganizations = 20
  public static let unknownReason = "Unknown"
  static let variousMessages = "(various messages)"

  private let maximumGroups: Int
  private var groups: [Key: Group] = [:]
  /// How many failures were added.
  public private(set) var failed = 0

  /// - Parameter maximumGroups: how many there are of those by message. What comes after is put together by reason and component
  ///   alone, and at last in one group. So which group a failure is in depends on those that were added before it.
  public init(maximumGroups: Int = 500) { self.maximumGroups = maximumGroups }

  /// How many groups there are.
  public var count: Int { groups.count }

  /// - Returns: the group that it is in.
  @discardableResult
  public mutating func add(organization: String, reason: String?, component: String?, message: String?) -> Key {
    failed += 1
    let key = Key(
      reason: reason.flatMap { $0.isEmpty ? nil : $0 } ?? Self.unknownReason, component: component ?? "",
      message: FailureMessage.normalized(message ?? ""))
    let coarse = Key(reason: key.reason, component: key.component, message: Self.variousMessages)
    let other = Key(reason: "Other", component: "", message: Self.variousMessages)
    let candidates = [(key, maximumGroups), (coarse, 2 * maximumGroups)]
    let chosen = candidates.first { groups[$0.0] != nil || groups.count < $0.1 }?.0 ?? other
    groups[
      chosen,
      default: Group(
        reason: chosen.reason, component: chosen.component, message: chosen.message, count: 0, organizations: [])
    ].add(organization)
    return chosen
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
