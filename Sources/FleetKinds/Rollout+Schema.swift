import ResourceModel
import WireFormats

extension RolloutSpec {
  static let schema = Schema.object(
    properties: [
      "release": .string(
        .releaseVersion, Schema.Documentation("The version that is rolled out. Cannot be changed later.")),
      "state": .string(
        .oneOf(State.self),
        Schema.Documentation(
          """
          Running goes on, Paused offers nothing new until it is Running again, Halted offers nothing any more and \
          takes back what no customer has begun.
          """, default: .string(State.running.rawValue))),
      "onHalt": .string(
        .oneOf(HaltPolicy.self),
        Schema.Documentation(
          """
          What happens to those that run the release already when the rollout halts: Hold leaves them, OfferPrevious \
          offers them the version they ran before.
          """, default: .string(HaltPolicy.hold.rawValue))),
      "approvedStages": .array(
        of: .string(.stageName), maximumCount: 50,
        Schema.Documentation(
          "The stages after which the rollout may go on, where their gates ask for approval.", isSet: true)),
      "stages": .array(
        of: stage, maximumCount: 50,
        Schema.Documentation("One after the other; a stage starts when the one before it has passed.", listKey: "name")),
    ], required: ["release", "stages"], Schema.Documentation("What is rolled out, to whom and how carefully."))

  private static let stage = Schema.object(
    properties: [
      "name": .string(.stageName, Schema.Documentation("What the stage is called, for example canary.")),
      "organizations": .array(
        of: .string(.objectName), maximumCount: 1_000, Schema.Documentation("The organizations by name.", isSet: true)),
      "selector": .object(
        properties: [
          "matchLabels": .map(
            of: .string(), maximumCount: 16,
            Schema.Documentation("The labels that an organization must have, all of them."))
        ], required: ["matchLabels"], Schema.Documentation("The organizations by their labels.")),
      "percent": .integer(
        range: 1...100,
        Schema.Documentation(
          "How many of all organizations that are in no stage before, rounded up; always the same ones for one release."
        )),
      "count": .integer(
        range: 1...Schema.largestCount,
        Schema.Documentation(
          "How many of the organizations that are in no stage before; always the same ones for one release.")),
      "maxInFlight": .integer(
        range: 1...Schema.largestCount,
        Schema.Documentation(
          "How many may be under way at once: being notified, or deploying. Left out, any number.")),
      "startsPerMinute": .integer(
        range: 1...Schema.largestCount,
        Schema.Documentation("How many are offered the release within any minute. Left out, any number.")),
      "gate": gate,
    ], required: ["name"],
    Schema.Documentation(
      """
      A part of the customers: by organizations, selector, percent or count. The last stage may have none of them: it \
      is for everyone left, and for those that join while it runs.
      """))

  private static let gate = Schema.object(
    properties: [
      "successPercent": .integer(
        range: 0...100, Schema.Documentation("How many of those that reported must have succeeded, in percent.")),
      "maxFailures": .integer(
        range: 0...Schema.largestCount, Schema.Documentation("More failures than this halt the rollout.")),
      "maxFailuresPercent": .integer(
        range: 0...100,
        Schema.Documentation(
          "More failures than this, in percent of those that reported, halt the rollout once minReports have.")),
      "minReports": .integer(
        range: 1...Schema.largestCount,
        Schema.Documentation(
          "How many must have reported, or all that can where those are fewer.", default: 1)),
      "soak": .string(
        .duration,
        Schema.Documentation("How long to wait once all the rest holds; failures until then still count.")),
      "approval": .boolean(
        Schema.Documentation("True: somebody must name the stage in approvedStages, too.")),
      "silentAfter": .string(
        .duration,
        Schema.Documentation(
          "A customer that did not answer an offer for so long, or is in progress for so long, counts as silent, which blocks nothing. Left out, none does."
        )),
    ], Schema.Documentation("What must hold before the next stage starts. Left out, one report is enough."))
}

extension RolloutStatus {
  static let schema = Schema.object(
    properties: [
      "observedGeneration": .count("The generation that this status speaks of."),
      "phase": .string(
        .oneOf(Phase.self), Schema.Documentation("Pending, Progressing, Paused, Halted or Completed.")),
      "reason": .string(Schema.Documentation("Why it stands as it stands, and what would move it, in a sentence.")),
      "startedAt": .time("When its first stage started."), "completedAt": .time("When its last stage passed."),
      "haltedAt": .time("When it halted; a retry takes it up again."),
      "haltCause": .string(.oneOf(HaltCause.self), Schema.Documentation("Why it halted, in one word.")),
      "haltMessage": .string(Schema.Documentation("Why it halted, in a sentence.")),
      "retriedAt": .time("The value of the annotation deploy.wrktalk.com/retryRequestedAt last acted upon."),
      "previousOffered": .count(
        "How many of those that succeeded were offered the version before since the rollout halted."),
      "stages": .array(
        of: stage, maximumCount: 50, Schema.Documentation("How each stage stands.", listKey: "name")),
      "conditions": .conditions,
    ], required: ["phase", "reason", "stages"],
    Schema.Documentation("How the rollout stands. Written by the server only."))

  private static let stage = Schema.object(
    properties: [
      "name": .string(Schema.Documentation("The stage.")),
      "phase": .string(.oneOf(StagePhase.self), Schema.Documentation("How it stands.")),
      "startedAt": .time("When its members were fixed."),
      "settledAt": .time("Since when its gate would be open but for soak time and approval."),
      "passedAt": .time("When the next stage was allowed to start."),
      "recentOffers": .array(
        of: .object(
          properties: ["at": .time("When."), "offered": .count("How many.")], required: ["at", "offered"]),
        maximumCount: 64, Schema.Documentation("What was offered within the last minute, oldest first.")),
      "counts": .object(
        properties: counts, Schema.Documentation("How many members stand where; members is the sum of the others.")),
    ], required: ["name", "phase", "counts"])

  private static let counts: [String: Schema] = [
    "members": .count("All of the stage's organizations."),
    "waiting": .count("Not offered yet."),
    "notifying": .count("Offered; the webhook is on its way."),
    "consent": .count("Offered; the customer has not answered yet."),
    "scheduled": .count("The customer has chosen when."),
    "inProgress": .count("Deploying."),
    "succeeded": .count("Running the release."),
    "failed": .count("Failed, rolled back, could not download, or missed the deadline."),
    "blocked": .count("Not offered: for its licence, the version it runs, or since there is no artifact for it."),
    "offline": .count("Offered to a customer that is not heard of, or deploying there."),
    "silent": .count("Offered to a customer that did not answer in time, or deploying for longer than that."),
    "cancelled": .count("Taken back, or cancelled by the customer."),
  ]
}
