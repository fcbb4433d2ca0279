import Cryptography
import ReleaseManifest
import WireFormats

/// Prints how many releases a second are verified as the Agent does it before each deployment, beside libcrypto's check of one
/// signature over the same bytes.
func benchmarkVerification(count: Int) throws {
  let now = Timestamp(seconds: 1_800_000_000)
  let (rootKey, releaseKey) = (Ed25519.PrivateKey(), Ed25519.PrivateKey())
  func sign(_ type: Envelope.PayloadType, _ payload: [UInt8], with key: Ed25519.PrivateKey) -> String {
    var envelope = Envelope(payloadType: type, payload: payload)
    envelope.sign(with: key)
    return envelope.text
  }
  let root = TrustRoot(
    product: "wrktalk", version: 1, issuedAt: now, expires: now + .seconds(86_400),
    keys: [rootKey.publicKey, releaseKey.publicKey],
    roles: [.root: .init(keys: [rootKey.publicKey.id]), .release: .init(keys: [releaseKey.publicKey.id])])
  let memory = try TrustMemory(firstRoot: sign(.root, root.payload, with: rootKey))
  let images = (0..<20).map { number in
    Manifest.Image(
      service: "service\(number)", repository: "ghcr.io/wrktalk/service\(number)",
      digest: "sha256:\(SHA256.digest(of: [UInt8(number)]).hexadecimal)",
      digestValue: "service\(number).image.digest")
  }
  let manifest = Manifest(
    product: "wrktalk", version: "2.0.0", sequence: 2, issuedAt: now, expires: now + .seconds(86_400),
    artifacts: [.init(runtime: .helm, sha256: String(repeating: "a", count: 64), size: 50_000)], images: images)
  let text = sign(.release, manifest.payload, with: releaseKey)

  let clock = ContinuousClock()
  let signature = releaseKey.signature(for: manifest.payload)
  let signatures = clock.measure {
    for _ in 0..<count {
      precondition(releaseKey.publicKey.isValidSignature(signature, for: manifest.payload))
    }
  }
  let verified = try clock.measure {
    for _ in 0..<count {
      _ = try ReleaseVerification(memory: memory, now: now).check(text, for: "Helm/wrktalk/wrktalk", .deployment)
    }
  }
  Measurement(
    what: "trust: a release of 20 images verified", count: count, duration: verified,
    reference: (name: "libcrypto's check of one signature", count: count, duration: signatures)
  ).print()
}
