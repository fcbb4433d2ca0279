public import FleetKinds
public import WireFormats

/// Who would be in which stage of a rollout, and why some would not be offered the release: what `fixMembers` does, seen before
/// anything moves. It holds as long as the organizations are the same.
public struct RolloutPlan: Sendable, Hashable {
  public struct Blocked: Sendable, Hashable {
    public var organization: String
    public var reason: BlockReason
    /// A sentence for people.
    public var message: String
  }

  public struct Doubt: Sendable, Hashable {
    public var organization: String
    public var message: String
  }

  public struct Stage: Sendable, Hashable {
    public var name: String
    /// All members, also those that are blocked or there already, in the order of their rank.
    public var organizations: [String]
    public var blocked: [Blocked]
    /// Members that run the release.
    public var alreadyThere: [String]
    public var doubts: [Doubt]
    /// Names in the stage's list of which there is no organization, or which an earlier stage or rollout has.
    public var notFound: [String]
    /// More failures than this halt the rollout, if everybody reports who is offered the release; nil where the gate has no budget.
    public var failureBudget: Int?
    /// From so many reports on the failures are compared with them; nil where no share of the reports is asked for.
    public var comparedFrom: Int?
    /// In how many minutes at least all are offered the release, by `startsPerMinute`; 0 for at once.
    public var offeredOverMinutes: Int
  }

  public var stages: [Stage]
  /// How many organizations are in no stage.
  public var unreached: Int
  /// How many have a target of the release already.
  public var withTarget: Int

  public static func make(
    _ spec: RolloutSpec, release: ReleaseFacts, organizations: [OrganizationFacts], now: Timestamp
  ) -> RolloutPlan {
    var left = organizations.filter { !$0.hasTarget }
    var plan = RolloutPlan(stages: [], unreached: 0, withTarget: organizations.count - left.count)
    for stage in spec.stages {
      let members = StageMembership.members(
        of: stage, among: left.map { StageMembership.Candidate(name: $0.name, labels: $0.labels) },
        release: spec.release)
      var planned = Stage(
        name: stage.name, organizations: members.map { left[$0].name }, blocked: [], alreadyThere: [], doubts: [],
        notFound: [], failureBudget: nil, comparedFrom: nil, offeredOverMinutes: 0)
      for index in members {
        let organization = left[index]
        switch OfferDecision.decide(release, for: organization, now: now) {
        case .blocked(let block):
          planned.blocked.append(
            Blocked(organization: organization.name, reason: block.reason, message: block.message))
        case .alreadyThere: planned.alreadyThere.append(organization.name)
        case .offer(_, let doubt?): planned.doubts.append(Doubt(organization: organization.name, message: doubt))
        case .offer(_, nil): break
        }
      }
      planned.failureBudget = failureBudget(stage.gate, members: members.count - planned.blocked.count)
      if stage.gate?.maxFailuresPercent != nil || stage.gate?.successPercent != nil {
        planned.comparedFrom = max(1, stage.gate?.minReports ?? 1)
      }
      if let rate = stage.startsPerMinute, rate > 0 {
        let offers = members.count - planned.blocked.count - planned.alreadyThere.count
        planned.offeredOverMinutes = max(0, (offers + rate - 1) / rate - 1)
      }
      if case .organizations(let names) = stage.membership {
        let found = Set(planned.organizations)
        planned.notFound = names.filter { !found.contains($0) }
      }
      plan.stages.append(planned)
      let taken = Set(members)
      left = left.enumerated().filter { !taken.contains($0.offset) }.map(\.element)
    }
    plan.unreached = left.count
    return plan
  }

  /// How many may fail before it halts, if everybody reports.
  private static func failureBudget(_ gate: RolloutSpec.Gate?, members: Int) -> Int? {
    let budgets = [
      gate?.maxFailures, gate?.maxFailuresPercent.map { members * $0 / 100 },
      gate?.successPercent.map { members - (members * $0 + 99) / 100 },
    ]
    return budgets.compactMap { $0 }.min()
  }

  // MARK: - For the API

  /// Names are cut to so many of each kind; the numbers are of all.
  public static let shownOrganizations = 100

  public var json: JSONValue {
    [
      "stages": .array(stages.map(\.json)), "unreached": .integer(Int64(unreached)),
      "withTarget": .integer(Int64(withTarget)),
    ]
  }
}

extension RolloutPlan.Stage {
  fileprivate var json: JSONValue {
    func names(_ names: [String]) -> JSONValue {
      .array(names.prefix(RolloutPlan.shownOrganizations).map { .string($0) })
    }
    var json: JSONValue = [
      "name": .string(name), "members": .integer(Int64(organizations.count)), "organizations": names(organizations),
      "blockedMembers": .integer(Int64(blocked.count)),
      "blocked": .array(
        blocked.prefix(RolloutPlan.shownOrganizations).map {
          [
            "organization": .string($0.organization), "reason": .string($0.reason.rawValue),
            "message": .string($0.message),
          ]
        }),
      "alreadyThereMembers": .integer(Int64(alreadyThere.count)), "alreadyThere": names(alreadyThere),
      "doubts": .array(
        doubts.prefix(RolloutPlan.shownOrganizations).map {
          ["organization": .string($0.organization), "message": .string($0.message)]
        }),
      "notFound": names(notFound),
    ]
    json["failureBudget"] = failureBudget.map { .integer(Int64($0)) }
    json["comparedFromReports"] = comparedFrom.map { .integer(Int64($0)) }
    json["offeredOverMinutes"] = .integer(Int64(offeredOverMinutes))
    return json
  }
}
