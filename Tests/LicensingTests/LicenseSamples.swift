import Cryptography
import WireFormats

@testable import Licensing

/// Licences of a vendor.
enum LicenseSamples {
  static let vendor = Ed25519.PrivateKey()
  static let keys = LicenseKeys([vendor.publicKey])
  static let now = Timestamp(seconds: 1_800_000_000)

  static func days(_ count: Int64) -> Timestamp { now + .seconds(count * 86_400) }

  /// A token of any payload.
  static func token(_ payload: String, key: Ed25519.PrivateKey = vendor) -> String {
    let first = Base64.encode(Array(payload.utf8), alphabet: .urlSafe)
    return "\(first).\(Base64.encode(key.signature(for: Array(first.utf8)), alphabet: .urlSafe))"
  }

  /// - Parameters:
  ///   - issued: in days from now, as the others.
  static func license(
    _ id: String = "a", organization: String = "acme", installation: String? = nil, issued: Int64? = -100,
    begins: Int64? = nil, ends: Int64? = 100
  ) -> License {
    License(
      id: id, organization: organization, installation: installation, issuedAt: issued.map { days($0) },
      notBefore: begins.map { days($0) }, expiresAt: ends.map { days($0) })
  }

  static func held(_ licenses: License...) throws -> [HeldLicense] {
    try licenses.map {
      HeldLicense(source: .kept, token: .success(try $0.token(signedWith: vendor)), keys: .success(keys))
    }
  }
}
