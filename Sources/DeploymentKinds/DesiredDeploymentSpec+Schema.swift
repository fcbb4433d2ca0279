public import ResourceModel
import WireFormats

extension DesiredDeploymentSpec {
  /// Of a release manifest's envelope.
  public static let maximumManifestByteCount = 256 << 10
  static let maximumSettingCount = 200
  static let maximumSettingByteCount = 32 << 10

  public static let schema = Schema.object(
    properties: [
      "version": .string(
        .semanticVersion,
        Schema.Documentation("The version to run, for example 2.3.0. Left out only with rollbackTo.")),
      "runtime": .string(
        .oneOf(DeploymentRuntimeKind.self),
        Schema.Documentation("What runs the release: Helm on Kubernetes, or Docker Compose. Cannot be changed later.")),
      "artifact": artifact,
      "manifest": .string(
        Schema.StringRules(minimumLength: 1, maximumLength: maximumManifestByteCount),
        Schema.Documentation(
          """
          The vendor's signed release manifest: the text of a DSSE envelope, as wrktalkctl release sign writes it. An \
          Agent with a trust root deploys nothing without it, and nothing that does not agree with it.
          """)),
      "imageTags": .map(
        of: .string(.imageTag), maximumCount: 50,
        Schema.Documentation(
          "The image tag of each service by the service's name, for example backend: sha-abc. Services not named keep what the artifact says."
        )),
      "helm": helm,
      "compose": compose,
      "newNonEssentialEnvs": settings,
      "schedule": schedule,
      "failurePolicy": .string(
        .oneOf(FailurePolicy.self),
        Schema.Documentation(
          """
          What happens when the version cannot be brought up: RollBack returns to the last version that ran in full \
          health, Hold leaves everything as the failure left it.
          """, default: .string(FailurePolicy.rollBack.rawValue))),
      "drift": .string(
        .oneOf(DriftPolicy.self),
        Schema.Documentation(
          "What happens when somebody changes what runs: Correct puts it back, Warn reports it, Ignore does nothing.",
          default: .string(DriftPolicy.correct.rawValue))),
      "driftIgnore": driftIgnore,
      "deletionPolicy": .string(
        .oneOf(DeletionPolicy.self),
        Schema.Documentation(
          """
          What happens to what runs when this object is deleted: Orphan leaves it running, Uninstall removes the Helm \
          release or Compose project first. A project's volumes stay; of a release, what its chart or Kubernetes keeps.
          """, default: .string(DeletionPolicy.orphan.rawValue))),
      "interval": .string(
        .duration,
        Schema.Documentation(
          "How often the environment is looked at without any cause, from 1s to 24h.", default: "1m")),
      "suspend": .boolean(
        Schema.Documentation("True: nothing is changed, not even drift, until it is false again.", default: false)),
      "rollbackTo": .object(
        properties: [
          "revision": .integer(
            range: 1...Schema.largestCount,
            Schema.Documentation("The revision to return to, as status.history numbers them."))
        ], required: ["revision"],
        Schema.Documentation("Return to an earlier revision; stands instead of version and artifact.")),
    ], required: ["runtime"],
    Schema.Documentation("What should run."))

  static let artifact = Schema.object(
    properties: [
      "path": .string(
        .bucketKey,
        Schema.Documentation(
          "Where the chart or bundle lies in the bucket, for example artifacts/compose/wrktalk-2.3.0.tgz.")),
      "sha256": .string(
        .sha256, Schema.Documentation("The SHA-256 digest of the file, in 64 lower-case hexadecimal digits.")),
    ], required: ["path", "sha256"],
    Schema.Documentation("The chart or bundle of the version. Left out only with rollbackTo."))

  private static let helm = Schema.object(
    properties: [
      "releaseName": .string(
        .helmRelease, Schema.Documentation("The name of the Helm release. Cannot be changed later.")),
      "valuesPath": .string(
        .bucketKey, Schema.Documentation("Where values.yaml lies in the bucket; left out where the chart needs none.")),
      "valuesFrom": valuesFrom,
      "timeout": .string(
        .duration,
        Schema.Documentation("How long the upgrade may take until everything is ready, from 1s to 24h.", default: "10m")
      ),
    ], required: ["releaseName"], Schema.Documentation("Required with the runtime Helm, and not allowed without it."))

  private static let valuesFrom = Schema.array(
    of: .object(
      properties: [
        "kind": .string(.oneOf(ValuesReference.Kind.self), Schema.Documentation("Secret or ConfigMap.")),
        "name": .string(.objectName, Schema.Documentation("The object, in the namespace of the DesiredDeployment.")),
        "key": .string(
          .configKey, Schema.Documentation("The key whose value is a values file.", default: "values.yaml")),
        "optional": .boolean(
          Schema.Documentation(
            "True: where the object or key is missing it is left out; otherwise nothing is deployed without it.",
            default: false)),
      ], required: ["kind", "name"]),
    maximumCount: 20,
    Schema.Documentation(
      """
      Values that must not lie in a bucket, from Secrets and ConfigMaps; merged over the file at valuesPath, each over \
      those before it.
      """))

  private static let driftIgnore = Schema.array(
    of: .object(
      properties: [
        "kind": .string(
          Schema.StringRules(minimumLength: 1, maximumLength: 63),
          Schema.Documentation("The kind of the objects, for example Deployment.")),
        "name": .string(.objectName, Schema.Documentation("One object; left out for all of the kind.")),
        "paths": .array(
          of: .string(.jsonPointer), maximumCount: 50,
          Schema.Documentation("JSON pointers, for example /spec/replicas: the field and everything under it.")),
      ], required: ["kind", "paths"]),
    maximumCount: 50,
    Schema.Documentation(
      "Fields of live objects that others may change without being corrected. Only with the runtime Helm."))

  private static let compose = Schema.object(
    properties: [
      "projectName": .string(
        .composeProject, Schema.Documentation("The name of the Compose project. Cannot be changed later.")),
      "envPath": .string(
        .bucketKey,
        Schema.Documentation("Where the .env file lies in the bucket; left out where the bundle needs none.")),
      "timeout": .string(
        .duration,
        Schema.Documentation(
          "How long the upgrade may take until everything is healthy, from 1s to 24h.", default: "10m")),
    ], required: ["projectName"], Schema.Documentation("Required with the runtime Compose, and not allowed without it.")
  )

  private static let settings = Schema.array(
    of: .object(
      properties: [
        "key": .string(.environmentKey, Schema.Documentation("The name of the setting, for example NEW_FEATURE.")),
        "value": .string(
          Schema.StringRules(maximumLength: maximumSettingByteCount),
          Schema.Documentation("Its value where the customer has none yet.")),
      ], required: ["key", "value"]),
    maximumCount: maximumSettingCount,
    Schema.Documentation(
      "Non-essential settings the version brings along. A setting that is already there keeps the customer's value.",
      listKey: "key"))

  private static let schedule = Schema.object(
    properties: [
      "notBefore": .time("The earliest moment to start, for example 2026-12-15T02:00:00Z."),
      "startingDeadline": .string(
        .duration,
        Schema.Documentation(
          """
          How long after notBefore a start is still wanted, from 1s to 168h. If the Agent could not start until then, \
          nothing runs until there is a new schedule.
          """, default: "10m")),
    ], required: ["notBefore"], Schema.Documentation("When to start; at once where it is left out."))
}
