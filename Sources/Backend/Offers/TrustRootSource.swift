import FoundationEssentials
import ProgramConfiguration
import ReleaseManifest

/// The trust root that releases are checked under before they are offered. The file is read each time, so that a root that
/// follows it counts at once.
struct TrustRootSource: Sendable {
  /// Nil: nothing is checked here.
  var path: String?

  private static let maximumBytes = 1 << 20

  func current() throws(TrustError) -> TrustRoot? {
    guard let path else { return nil }
    guard let data = FileManager.default.contents(atPath: path), data.count <= Self.maximumBytes else {
      throw TrustError(.rootRefused, "the trust root \(path) cannot be read: check WRKTALK_TRUST_ROOT_FILE")
    }
    return try TrustRoot.first(data)
  }

  /// - Throws: where the file is no trust root when the program starts.
  func check() throws(ConfigurationError) {
    guard let path else { return }
    guard FileManager.default.isReadableFile(atPath: path) else {
      throw ConfigurationError("\(path) cannot be read", setting: "WRKTALK_TRUST_ROOT_FILE")
    }
    do throws(TrustError) {
      _ = try current()
    } catch {
      throw ConfigurationError("\(path) is not a trust root: \(error)", setting: "WRKTALK_TRUST_ROOT_FILE")
    }
  }
}
