import Cryptography
import DeploymentKinds
import DeploymentPlanning
import Files
import Observability

/// Decides whether an artifact is what the record says, and what the vendor signed.
struct ArtifactVerification: Sendable {
  /// With it, an artifact without a valid signature is refused.
  let vendorPublicKey: Ed25519.PublicKey?

  /// What can be told before anything is downloaded: the signature is over the digest (spec of `artifact.signature`).
  /// - Returns: true where the artifact bears the vendor's signature; false where no vendor key is pinned.
  func checkSignature(of artifact: DesiredDeploymentSpec.Artifact) throws(RuntimeFailure) -> Bool {
    guard let vendorPublicKey else { return false }
    guard let text = artifact.signature else {
      throw Self.refusal(
        .signatureMissing,
        "\(artifact.path) bears no signature, and this Agent deploys only what the vendor signed: "
          + "set spec.artifact.signature")
    }
    guard let signature = Base64.decode(text),
      vendorPublicKey.isValidSignature(signature, for: Array(artifact.sha256.utf8))
    else {
      throw Self.refusal(
        .signatureInvalid,
        "the signature of \(artifact.path) is not the vendor's over this digest: take artifact and signature from the "
          + "same release")
    }
    return true
  }

  func checkDigest(
    ofFile file: String, of artifact: DesiredDeploymentSpec.Artifact
  ) async throws(RuntimeFailure) {
    let digest: String
    do throws(CryptographyError) {
      // An archive of many megabytes takes seconds, in which the lease is to be renewed.
      digest = try await onOwnThread { () -> Result<String, CryptographyError> in
        do throws(CryptographyError) {
          return .success(try SHA256.digest(ofFile: file).hexadecimal)
        } catch {
          return .failure(error)
        }
      }
    } catch {
      throw RuntimeFailure(
        kind: .transient, reason: "WorkingDirectoryUnusable",
        message: "The downloaded artifact could not be read: \(fileErrorText(error))")
    }
    guard digest == artifact.sha256 else {
      throw Self.refusal(
        .digestMismatch,
        "\(artifact.path) has the SHA-256 digest \(digest), not \(artifact.sha256): upload the artifact again, or "
          + "correct spec.artifact.sha256")
    }
  }

  static func refusal(_ reason: ArtifactFailureReason, _ message: String) -> RuntimeFailure {
    RuntimeFailure(kind: .permanent, reason: reason.rawValue, message: message)
  }
}
