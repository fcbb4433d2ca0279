import Cryptography
import DeploymentKinds
import FleetProtocol
import OfferPlanning
import ReleaseManifest
import TestSupport
import Testing
import WireFormats

/// What a trust root demands of an offer.
@Suite struct SignedDemandTests {
  private static let now = Timestamp(seconds: 1_800_000_000)
  private static let digest = String(repeating: "a", count: 64)
  private static let signer = ReleaseSigner(now: now)

  private static func manifest(_ change: (inout Manifest) -> Void = { _ in }) -> Manifest {
    var manifest = Manifest(
      product: "wrktalk", version: "2.3.0", sequence: 7, issuedAt: now, expires: now + .seconds(86_400),
      artifacts: [.init(runtime: .helm, sha256: digest, size: 12_345)])
    change(&manifest)
    return manifest
  }

  private static func demand(_ manifest: String?) throws -> ArtifactDemand {
    try ArtifactDemand(
      ReleaseOffer(releaseID: "r", version: "2.3.0", chartSha256: digest, manifest: manifest), runtime: .helm)
  }

  @Test func theSizeIsThatOfTheSignedManifest() throws {
    let demand = try Self.demand(Self.signer.sign(Self.manifest()))
    #expect(try demand.signedByteCount(under: Self.signer.root, now: Self.now) == 12_345)
    #expect(try demand.signedByteCount(under: nil, now: Self.now) == nil)
  }

  @Test func whatIsNotSignedAsItIsOfferedIsRefused() throws {
    let other = ReleaseSigner(now: Self.now)
    let cases: [(String?, TrustError.Reason)] = [
      (nil, .releaseNotSigned), ("{}", .malformed), (other.sign(Self.manifest()), .signatureInvalid),
      (Self.signer.sign(Self.manifest { $0.version = "2.4.0" }), .disagreement),
      (Self.signer.sign(Self.manifest { $0.artifacts[0].sha256 = String(repeating: "b", count: 64) }), .disagreement),
      (Self.signer.sign(Self.manifest { $0.artifacts[0].runtime = .compose }), .disagreement),
      (Self.signer.sign(Self.manifest { $0.product = "other" }), .otherProduct),
      (
        Self.signer.sign(
          Self.manifest {
            $0.issuedAt = Self.now + .seconds(-200)
            $0.expires = Self.now + .seconds(-100)
          }), .expired
      ),
    ]
    for (text, reason) in cases {
      let demand = try Self.demand(text)
      let error = #expect(throws: TrustError.self) {
        try demand.signedByteCount(under: Self.signer.root, now: Self.now)
      }
      #expect(error?.reason == reason)
    }
  }
}
