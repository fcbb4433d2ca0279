import DeploymentKinds
import FleetProtocol
import OfferPlanning
import WireFormats

/// A release as tasks ask for it, in both of their forms.
struct TaskRelease: Sendable {
  var version: String
  var bucketPath: String
  /// Nil where nobody here knows it: then no record can ask for it.
  var sha256: String?
  var offer: ReleaseOffer

  /// Nil where the offer cannot be read.
  init?(_ deployment: ScheduledDeployment, _ settings: DeploymentSettings) {
    guard let offer = deployment.offer else { return nil }
    self.offer = offer
    version = deployment.version
    bucketPath = deployment.chartBucketPath ?? settings.artifactPath(version: deployment.version)
    sha256 = deployment.artifactSha256(settings.kind)
  }

  /// Nil where nothing of the offer was kept.
  init?(_ history: DeploymentHistory, _ settings: DeploymentSettings) {
    guard let offer = history.releaseData.flatMap({ try? ReleaseOffer.reading($0) }) else { return nil }
    self.offer = offer
    version = history.version
    bucketPath = history.chartBucketPath ?? settings.artifactPath(version: history.version)
    sha256 =
      history.artifactSha256 ?? (settings.kind == .kubernetes ? offer.chartSha256 : offer.composeSha256)
  }

  /// What an Agent is given that polls (spec §5.4, §14.3).
  /// - Parameters:
  ///   - envPath: of the `.env` in the bucket; that of the settings where it is nil.
  ///   - withSettings: false for a rollback: the settings that the release brought are there.
  func payload(_ settings: DeploymentSettings, envPath: String? = nil, withSettings: Bool = true) -> JSONValue {
    var payload: JSONValue = [
      "chart": ["bucketPath": .string(bucketPath), "version": .string(version)],
      "imageTags": .object(offer.imageTags.byService.mapValues { .string($0) }),
      "valuesBucketPath": .string(settings.valuesPath),
      "newNonEssentialEnvs": .array(
        (withSettings ? offer.newNonEssentialEnvs : []).map {
          ["key": .string($0.key), "value": .string($0.value)]
        }),
    ]
    if settings.kind == .docker { payload["envBucketPath"] = .string(envPath ?? settings.envPath) }
    return payload
  }

  /// The same for the Agent that watches; nil without a digest.
  func order(_ configPath: String?, notBefore: Timestamp, withSettings: Bool = true) -> DeploymentOrder? {
    guard let sha256 else { return nil }
    let imageTags = offer.imageTags.byService
    let settings =
      withSettings ? offer.newNonEssentialEnvs.map { DesiredDeploymentSpec.Setting(key: $0.key, value: $0.value) } : []
    return DeploymentOrder(
      version: version, artifact: .init(path: bucketPath, sha256: sha256.lowercased()), manifest: offer.manifest,
      imageTags: imageTags.isEmpty ? nil : imageTags, newNonEssentialEnvs: settings.isEmpty ? nil : settings,
      configPath: configPath, notBefore: notBefore)
  }
}
