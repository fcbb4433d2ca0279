import FleetKinds
import ResourceStorage
import WireFormats

/// Which column of the specification's tables (spec §12) holds which field of an object.
enum FleetMappings {
  /// As Prisma makes them.
  private static let time = ColumnType.timestamp(hasTimeZone: false)

  private static func output(_ name: String, _ type: ColumnType, at path: String) -> ColumnMapping.Column {
    ColumnMapping.Column(name, type, at: path, isOutput: true)
  }

  static let organization = ColumnMapping(
    name: "name", timeType: time, updatedAt: "updatedAt",
    columns: [
      .init("servicePath", .text, at: "spec.servicePath", whenAbsent: "", isAbsentByDefault: true),
      .init(
        "deploymentType",
        .enumeration(type: "DeploymentType", words: DeploymentType.columnWords),
        at: "spec.deploymentType", whenAbsent: "Kubernetes"),
      .init("webhookEndpoint", .text, at: "spec.webhookEndpoint"),
      .init("spocName", .text, at: "spec.contacts.spocName"),
      .init("spocEmail", .text, at: "spec.contacts.spocEmail"),
      .init("spocPhone", .text, at: "spec.contacts.spocPhone"),
      .init("accountManagerId", .text, at: "spec.contacts.accountManager"),
      .init("licenseExpiresAt", time, at: "spec.license.expiresAt"),
      // What heartbeats, acknowledgements and reports say.
      .init("app_version", .text, at: "status.appVersion", whenAbsent: "", isOutput: true, isAbsentByDefault: true),
      output("currentVersion", .text, at: "status.currentVersion"),
      output("isOnline", .boolean, at: "status.isOnline"),
      output(
        "health", .enumeration(type: nil, words: OrganizationHealth.columnWords), at: "status.health"),
      output("reportedStatus", .text, at: "status.reportedStatus"),
      output("lastSeen", time, at: "status.lastSeen"),
      output("lastHeartbeat", time, at: "status.lastHeartbeat"),
      output("lastWebhookAck", time, at: "status.lastWebhookAck"),
      output("agentLastPoll", time, at: "status.agentLastPoll"),
    ])

  static let release = ColumnMapping(
    name: "version", timeType: time,
    columns: [
      .init(
        "status", .enumeration(type: "ReleaseStatus", words: ReleaseState.columnWords), at: "spec.state",
        whenAbsent: "Draft"),
      .init("withdrawn", .boolean, at: "spec.withdrawn", whenAbsent: false),
      .init("releaseNotes", .text, at: "spec.releaseNotes"),
      .init("backendImageTag", .text, at: "spec.imageTags.backend", whenAbsent: ""),
      .init("mediaImageTag", .text, at: "spec.imageTags.media", whenAbsent: ""),
      .init("controlTowerImageTag", .text, at: "spec.imageTags.controlTower", whenAbsent: ""),
      .init("agentImageTag", .text, at: "spec.imageTags.agent", whenAbsent: ""),
      .init("helmChartSha256", .text, at: "spec.artifacts.helmSha256", whenAbsent: "", isAbsentByDefault: true),
      .init("composeArtifactSha256", .text, at: "spec.artifacts.composeSha256"),
      .init("isForced", .boolean, at: "spec.isForced", whenAbsent: false),
      .init("isMigrationRequired", .boolean, at: "spec.isMigrationRequired", whenAbsent: false),
      .init("estimatedDowntime", .text, at: "spec.estimatedDowntime"),
      .init("minCurrentVersion", .text, at: "spec.minCurrentVersion"),
      .init("newNonEssentialEnvs", .json, at: "spec.newNonEssentialEnvs"),
      .init("manifest", .text, at: "spec.manifest"),
      .init("createdBy", .text, at: "status.createdBy", whenAbsent: "", isAbsentByDefault: true),
      .init("publishedAt", time, at: "status.publishedAt"),
    ])

  static let target = ColumnMapping(
    name: "objectName", timeType: time, updatedAt: "updatedAt",
    columns: [
      .init("releaseVersion", .text, at: "spec.release", whenAbsent: ""),
      .init("organizationName", .text, at: "spec.organization"),
      .init("rolloutName", .text, at: "spec.rollout"),
      .init("stageName", .text, at: "spec.stage"),
      // What happens to it is the program's alone to say.
      output(
        "status",
        .enumeration(type: "DeploymentStatus", words: TargetPhase.columnWords), at: "status.phase"),
      output("bucket", .text, at: "status.bucket"),
      output("offeredAt", time, at: "status.offeredAt"),
      output("blocked", .text, at: "status.blocked"),
      output("webhookSent", .boolean, at: "status.webhook.sent"),
      output("webhookAcked", .boolean, at: "status.webhook.acked"),
      output("webhookRetries", .integer, at: "status.webhook.retries"),
      output("webhookError", .text, at: "status.webhook.error"),
      output("scheduledFor", time, at: "status.scheduledFor"),
      output("startedAt", time, at: "status.startedAt"),
      output("completedAt", time, at: "status.completedAt"),
      output("helmRevision", .integer, at: "status.helmRevision"),
      output("errorMessage", .text, at: "status.errorMessage"),
      output("failureReason", .text, at: "status.reason"),
      output("component", .text, at: "status.component"),
      output("attemptId", .text, at: "status.attempt"),
      output("attempt", .integer, at: "status.attemptNumber"),
      output("endedAttempts", .json, at: "status.endedAttempts"),
    ])

  static let escalation = ColumnMapping(
    name: "objectName", createdAt: "escalatedAt", timeType: time,
    columns: [
      .init("organizationName", .text, at: "spec.organization"),
      .init("type", .enumeration(type: "EscalationType", words: [:]), at: "spec.type"),
      .init("reason", .text, at: "spec.reason", whenAbsent: ""),
      .init("metadata", .json, at: "spec.metadata"),
      .init("resolution", .text, at: "spec.resolution"),
      .init("resolvedAt", time, at: "status.resolvedAt"),
    ])
}
