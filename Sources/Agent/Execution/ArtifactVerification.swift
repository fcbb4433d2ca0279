import Cryptography
import DeploymentKinds
import DeploymentPlanning
import Files
import Observability
import Threads

/// Decides whether a file is the artifact that the record names.
enum ArtifactVerification {
  static func checkDigest(
    ofFile file: String, of artifact: DesiredDeploymentSpec.Artifact
  ) async throws(RuntimeFailure) {
    let digest: String
    do throws(CryptographyError) {
      // An archive of many megabytes takes seconds, in which the lease is to be renewed.
      digest = try await onOwnThread { () throws(CryptographyError) in try SHA256.digest(ofFile: file).hexadecimal }
    } catch {
      throw RuntimeFailure(
        kind: .transient, reason: "WorkingDirectoryUnusable",
        message: "The downloaded artifact could not be read: \(fileErrorText(error))")
    }
    guard digest == artifact.sha256 else {
      throw refusal(
        .digestMismatch,
        "\(artifact.path) has the SHA-256 digest \(digest), not \(artifact.sha256): upload the artifact again, or "
          + "correct spec.artifact.sha256")
    }
  }

  static func refusal(_ reason: ArtifactFailureReason, _ message: String) -> RuntimeFailure {
    RuntimeFailure(kind: .permanent, reason: reason.rawValue, message: message)
  }
}
