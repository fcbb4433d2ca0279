import FleetKinds
import ResourceModel
import Testing
import WireFormats

@Suite struct FleetKindTests {
  @Test func fiveKindsOfTheWholeCluster() {
    #expect(
      FleetKind.definitions.map(\.names.kind) == [
        "Organization", "Release", "Rollout", "DeploymentTarget", "Escalation",
      ])
    #expect(
      FleetKind.definitions.map(\.table) == [
        "organizational_service", "gcc_release", "gcc_rollout", "gcc_deployment_target", "gcc_escalation",
      ])
    #expect(FleetKind.definitions.allSatisfy { !$0.isNamespaced && $0.names.group == "deploy.wrktalk.com" })
    #expect(FleetKind.definitions.flatMap(\.names.shortNames) == ["org", "rel", "ro", "target", "esc"])
  }

  /// Everything down to the leaves says what it is for.
  @Test(arguments: FleetKind.definitions.indices) func everyFieldIsDocumented(_ index: Int) {
    func undocumented(_ schema: Schema, _ path: String) -> [String] {
      let own = schema.documentation.description.isEmpty ? [path] : []
      switch schema {
      case .object(let properties, _, _):
        return own + properties.flatMap { undocumented($0.value, "\(path).\($0.key)") }
      // An element is what its array says.
      case .array(.object(let properties, _, _), _, _):
        return own + properties.flatMap { undocumented($0.value, "\(path)[].\($0.key)") }
      default: return own
      }
    }
    #expect(undocumented(FleetKind.definitions[index].schema, "") == [])
  }

  @Test(arguments: FleetKind.definitions.indices) func whatIsShownOrSelectedIsInTheSchema(_ index: Int) {
    let definition = FleetKind.definitions[index]
    func exists(_ path: String) -> Bool {
      var schema: Schema? = definition.objectSchema
      for part in path.split(separator: ".") {
        guard case .object(let properties, _, _)? = schema else { return false }
        schema = properties[String(part)]
      }
      return schema != nil
    }
    for column in definition.printerColumns where !column.jsonPath.isEmpty {
      #expect(exists(String(column.jsonPath.dropFirst())), "\(column.jsonPath)")
    }
    for field in definition.selectableFields { #expect(exists(field), "\(field)") }
  }

  @Test func columnsHaveTheWordsOfTheSpecification() {
    #expect(DeploymentType.columnWords == ["kubernetes": "Kubernetes", "docker": "Docker"])
    #expect(ReleaseState.columnWords == ["draft": "Draft", "published": "Published", "deprecated": "Deprecated"])
    #expect(
      Set(TargetPhase.columnWords.keys) == [
        "pending", "notified", "webhookFailed", "downloadFailed", "scheduled", "inProgress", "success", "failed",
        "rolledBack", "deadlineExceeded", "cancelled",
      ])
    #expect(TargetPhase.columnWords["webhookFailed"] == "WebhookFailed")
    #expect(TargetPhase(columnWord: "rolledBack") == .rolledBack)
    #expect(TargetPhase(columnWord: "RolledBack") == nil)
    #expect(
      Set(EscalationType.columnWords.keys) == [
        "FORCED_24H_EXCEEDED", "MIN_VERSION_BLOCKED", "LICENSE_EXPIRED", "DEPLOYMENT_FAILED", "CLIENT_OFFLINE",
      ])
    #expect(EscalationType.columnWords.allSatisfy { $0.key == $0.value })
  }

  @Test func countsAddUpAndSurviveTheirJSON() throws {
    var counts = StageCounts()
    for (index, bucket) in TargetBucket.allCases.enumerated() { counts[bucket] = 1 << index }
    #expect(counts.members == 1 << TargetBucket.allCases.count - 1)
    let json = try JSONValue(encoding: counts)
    #expect(json["members"] == .integer(Int64(counts.members)))
    #expect(json.object?.count == 12)
    #expect(try json.decoded(as: StageCounts.self) == counts)
    #expect((counts + counts).members == 2 * counts.members)
  }

  /// A server drops what the schema does not know, so every field of a type must stand in it.
  @Test func theSchemasKnowEveryFieldOfTheTypes() throws {
    let now = Timestamp(seconds: 1_800_000_000)
    let condition = Condition(
      type: "Ready", status: .isTrue, observedGeneration: 1, lastTransitionTime: now, reason: "A", message: "b")
    let organization = Organization(
      metadata: ObjectMeta(name: "a"),
      spec: OrganizationSpec(
        servicePath: "a", webhookEndpoint: "https://a",
        contacts: OrganizationSpec.Contacts(spocName: "a", spocEmail: "b", spocPhone: "c", accountManager: "d"),
        license: OrganizationSpec.License(expiresAt: now)),
      status: OrganizationStatus(
        currentVersion: "1.0.0", appVersion: "1", health: .online, isOnline: true, reportedStatus: "healthy",
        lastSeen: now, lastHeartbeat: now,
        lastWebhookAck: now, agentLastPoll: now, conditions: [condition]))
    let release = Release(
      metadata: ObjectMeta(name: "1.0.0"),
      spec: ReleaseSpec(
        releaseNotes: "a",
        artifacts: ReleaseSpec.Artifacts(
          helmSha256: String(repeating: "a", count: 64), composeSha256: String(repeating: "a", count: 64)),
        estimatedDowntime: "a", minCurrentVersion: "1.0.0",
        newNonEssentialEnvs: [ReleaseSpec.Setting(key: "A", value: "b")], manifest: "{}"),
      status: ReleaseStatus(publishedAt: now, createdBy: "a", conditions: [condition]))
    let gate = RolloutSpec.Gate(
      successPercent: 1, maxFailures: 1, maxFailuresPercent: 1, minReports: 1, soak: DurationText(.seconds(1)),
      approval: true, silentAfter: DurationText(.seconds(1)))
    let rollout = Rollout(
      metadata: ObjectMeta(name: "a"),
      spec: RolloutSpec(
        release: "1.0.0", approvedStages: ["a"],
        stages: [
          RolloutSpec.Stage(name: "a", organizations: ["a"], maxInFlight: 1, startsPerMinute: 1, gate: gate),
          RolloutSpec.Stage(name: "b", selector: RolloutSpec.Selector(matchLabels: ["a": "b"])),
          RolloutSpec.Stage(name: "c", percent: 1), RolloutSpec.Stage(name: "d", count: 1),
        ]),
      status: RolloutStatus(
        observedGeneration: 1, phase: .halted, reason: "a", startedAt: now, completedAt: now, haltedAt: now,
        haltCause: .requested, haltMessage: "a", retriedAt: now, previousOffered: 1,
        stages: [
          RolloutStatus.Stage(
            name: "a", phase: .failed, startedAt: now, settledAt: now, passedAt: now,
            recentOffers: [RolloutStatus.OfferCount(at: now, offered: 1)])
        ], conditions: [condition]))
    let target = DeploymentTarget(
      metadata: ObjectMeta(name: "a.1.0.0"),
      spec: DeploymentTargetSpec(release: "1.0.0", organization: "a", rollout: "a", stage: "a"),
      status: DeploymentTargetStatus(
        bucket: .succeeded, offeredAt: now, blocked: .licenseExpired,
        webhook: DeploymentTargetStatus.Webhook(error: "a"),
        scheduledFor: now, startedAt: now, completedAt: now, helmRevision: 1, errorMessage: "a", reason: "A",
        component: "a", attempt: "a", attemptNumber: 1, endedAttempts: ["a"], conditions: [condition]))
    let escalation = Escalation(
      metadata: ObjectMeta(name: "a"),
      spec: EscalationSpec(
        organization: "a", type: .clientOffline, reason: "a", metadata: ["a": [1]], resolution: "b"),
      status: EscalationStatus(resolvedAt: now))
    let objects = try [
      JSONValue(encoding: organization), JSONValue(encoding: release), JSONValue(encoding: rollout),
      JSONValue(encoding: target), JSONValue(encoding: escalation),
    ]
    for (definition, object) in zip(FleetKind.definitions, objects) {
      #expect(definition.unknownFields(in: object) == [])
      #expect(definition.validationErrors(in: definition.applyDefaults(to: object)) == [], "\(object.text)")
    }
    // Every stored property is set above: none may be left out of this test.
    let parts: [(Any, JSONValue?)] = [
      (organization.spec, objects[0]["spec"]), (organization.status as Any, objects[0]["status"]),
      (release.spec, objects[1]["spec"]), (rollout.spec, objects[2]["spec"]),
      (gate, objects[2]["spec"]?["stages"]?.array?.first?["gate"]), (rollout.status as Any, objects[2]["status"]),
      (target.spec, objects[3]["spec"]), (target.status as Any, objects[3]["status"]),
      (escalation.spec, objects[4]["spec"]),
    ]
    for (value, json) in parts {
      var mirror = Mirror(reflecting: value)
      if mirror.displayStyle == .optional, let inner = mirror.children.first {
        mirror = Mirror(reflecting: inner.value)
      }
      for child in mirror.children {
        #expect(json?[child.label ?? ""] != nil, "\(child.label ?? "") is not tested")
      }
    }
  }
}
