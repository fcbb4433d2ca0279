public import ResourceModel

extension DesiredDeploymentStatus {
  /// Every field of the type must stand here: a server drops what the schema does not know.
  public static let schema = Schema.object(
    properties: [
      "observedGeneration": .count("The generation that the conditions speak of."),
      "agent": .object(
        properties: [
          "identity": .string(Schema.Documentation("The process, as it stands in the Lease.")),
          "term": .count("How often the Lease had changed hands when this Agent took it."),
        ], required: ["identity", "term"], Schema.Documentation("The Agent that last wrote this status.")),
      "target": .object(
        properties: [
          "runtime": .string(.oneOf(DeploymentRuntimeKind.self), Schema.Documentation("Helm or Compose.")),
          "name": .string(Schema.Documentation("The Compose project or Helm release.")),
        ], required: ["runtime", "name"], Schema.Documentation("What was deployed to; it cannot be changed later.")),
      "lastAttemptedGeneration": .count("The last generation whose release the Agent began to deploy."),
      "attemptStartedAt": .time("When that attempt began."),
      "trustRootVersion": .count("The version of the trust root when that attempt began."),
      "lastHandledRetryRequest": .string(
        Schema.Documentation("The value of the annotation deploy.wrktalk.com/retryRequestedAt last acted upon.")),
      "current": current,
      "progress": progress,
      "attempts": .count("How often the attempted generation was tried."),
      "resumptions": .count("How often the present attempt was resumed after the Agent ended in its midst."),
      "corrections": .count(
        "How many corrections of drift followed each other closely; the pause before the next doubles with each."),
      "nextAttemptAt": .time("After a failure that may pass: nothing is tried again before this moment."),
      "failure": failure,
      "conditions": .array(
        of: condition, maximumCount: 32,
        Schema.Documentation("What the Agent last observed, one entry a type.", listKey: "type")),
      "history": .array(
        of: historyEntry, maximumCount: historyLimit,
        Schema.Documentation("What was deployed, failed or rolled back; newest first, at most 20 entries.")),
      "preflight": preflight,
    ], Schema.Documentation("What the Agent last saw and did. Written by the Agent only."))

  private static let release = Schema.object(
    properties: [
      "version": .string(Schema.Documentation("The version.")),
      "artifact": .object(
        properties: [
          "path": .string(Schema.Documentation("Where it lies in the bucket.")),
          "sha256": .string(Schema.Documentation("Its SHA-256 digest.")),
        ], required: ["path", "sha256"], Schema.Documentation("The chart or bundle.")),
      "configPath": .string(Schema.Documentation("Where the .env or values file it ran with lies in the bucket.")),
      "valuesFrom": .array(
        of: .object(
          properties: [
            "kind": .string(
              .oneOf(DesiredDeploymentSpec.ValuesReference.Kind.self), Schema.Documentation("Secret or ConfigMap.")),
            "name": .string(Schema.Documentation("The object.")),
            "key": .string(Schema.Documentation("The key in it.")),
            "optional": .boolean(Schema.Documentation("Whether it may be missing.")),
          ], required: ["kind", "name"]),
        Schema.Documentation("Where further values came from.")),
      "imageTags": texts("The image tag of each service."),
      "releaseManifestSha256": .string(
        Schema.Documentation("The digest of what the vendor signed of it: of its manifest's payload.")),
    ], required: ["version", "artifact"], Schema.Documentation("What names the release exactly."))

  private static let current = Schema.object(
    properties: [
      "version": .string(Schema.Documentation("The version.")),
      "revision": .count(
        "For Helm the revision of the release; for Compose the count of releases that ran in full health."),
      "manifestSha256": .string(Schema.Documentation("The digest of that revision's manifest, for Helm.")),
      "artifactSha256": .string(Schema.Documentation("The digest of its artifact.")),
      "release": release,
      "imageDigests": texts("The image digest of each service."),
      "services": .array(
        of: service, Schema.Documentation("What each service was started as; drift is measured against it.")),
      "unapplied": .array(
        of: .string(),
        Schema.Documentation("What of the release the engine keeps otherwise, and deploying cannot change.")),
      "warnings": .array(
        of: .string(),
        Schema.Documentation("What people should know of it though it runs, such as a setting that has no value.")),
      "since": .time("Since when it has run in full health."),
    ], required: ["version", "revision", "artifactSha256", "release", "imageDigests", "since"],
    Schema.Documentation("The last version that was seen running in full health."))

  private static let service = Schema.object(
    properties: [
      "name": .string(Schema.Documentation("The service.")),
      "image": .string(Schema.Documentation("The image reference, pinned to its digest where the registry gave one.")),
      "imageID": .string(Schema.Documentation("The engine's id of the image.")),
      "configHash": .string(Schema.Documentation("Compose's hash of the service's configuration.")),
      "replicas": .count("How many containers it has."),
      "runsToCompletion": .boolean(
        Schema.Documentation("True for a service that has ended with exit code 0, or is there to: it is done.")),
      "mayComplete": .boolean(
        Schema.Documentation("True for a service that runs, but is done where it ends with exit code 0.")),
      "settings": texts("Limits, restart policy and networks of its containers; the engine's defaults are left out."),
    ], required: ["name", "image", "imageID", "configHash", "replicas", "runsToCompletion"])

  private static let progress = Schema.object(
    properties: [
      "step": .string(.oneOf(Step.self), Schema.Documentation("What is being done.")),
      "done": .count("How many parts of the step are done."),
      "total": .count("How many parts the step has."),
      "message": .string(Schema.Documentation("The same in words.")),
    ], required: ["step", "done", "total", "message"], Schema.Documentation("How far a running change is."))

  private static let failure = Schema.object(
    properties: [
      "generation": .count("The generation that failed."),
      "version": .string(Schema.Documentation("The version that failed.")),
      "reason": .string(Schema.Documentation("Why, in one word.")),
      "message": .string(Schema.Documentation("Why, and what to do about it.")),
      "at": .time("When it failed."),
    ], required: ["generation", "version", "reason", "message", "at"],
    Schema.Documentation("Why the attempted generation failed; stays until it is tried again."))

  private static let condition = Schema.object(
    properties: [
      "type": .string(Schema.Documentation("What the condition is about, for example Ready.")),
      "status": .string(
        Schema.StringRules(enumeration: ["True", "False", "Unknown"]), Schema.Documentation("Whether it holds.")),
      "observedGeneration": .count("The generation it speaks of."),
      "lastTransitionTime": .time("When its status last changed."),
      "reason": .string(Schema.Documentation("Why, in one word in CamelCase.")),
      "message": .string(Schema.Documentation("Why, in a sentence a person can act on.")),
    ], required: ["type", "status", "lastTransitionTime", "reason", "message"])

  private static let historyEntry = Schema.object(
    properties: [
      "revision": .count("The revision it became; absent where it never ran in health."),
      "manifestSha256": .string(Schema.Documentation("The digest of that revision's manifest, for Helm.")),
      "generation": .count("The generation that asked for it."),
      "release": release,
      "outcome": .string(.oneOf(HistoryEntry.Outcome.self), Schema.Documentation("How it ended.")),
      "message": .string(Schema.Documentation("How it ended, in a sentence.")),
      "startedAt": .time("When it began."),
      "completedAt": .time("When it ended."),
      "imageDigests": texts("The image digest of each service."),
      "images": texts("The image reference of each service, pinned to its digest: what a rollback to it starts."),
    ], required: ["generation", "release", "outcome", "message", "startedAt", "completedAt"])

  private static let preflight = Schema.object(
    properties: [
      "request": .string(Schema.Documentation("The SHA-256 of the annotation's value.")),
      "version": .string(Schema.Documentation("The version that was asked about.")),
      "requestedAt": .string(Schema.Documentation("As the annotation has it.")),
      "attempts": .count("How often it was begun."),
      "completedAt": .time("When it ended; absent while it runs."),
      "checks": .array(
        of: .object(
          properties: [
            "name": .string(Schema.Documentation("What was looked at, for example Images.")),
            "status": .string(
              .oneOf(Preflight.Outcome.self), Schema.Documentation("Passed, Failed, Warning, or Skipped.")),
            "message": .string(Schema.Documentation("What was found, in a sentence a person can act on.")),
          ], required: ["name", "status", "message"]), maximumCount: Preflight.checkLimit,
        Schema.Documentation("What was looked at, one entry each.", listKey: "name")),
    ], required: ["request", "version", "attempts", "checks"],
    Schema.Documentation("The answer to the annotation deploy.wrktalk.com/preflight. Failed checks forbid nothing."))

  private static func texts(_ description: String) -> Schema { .map(of: .string(), Schema.Documentation(description)) }
}
