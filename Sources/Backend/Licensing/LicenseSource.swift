import Cryptography
import Files
import Licensing
import ProgramConfiguration
import Threads
import WireFormats

/// Where the operator's licence and the vendor's keys come from. Files are read each time, so that a renewed licence counts at
/// once.
struct LicenseSource: Sendable {
  /// A value given directly, or in a file.
  enum Value: Sendable, Hashable {
    case text(String)
    case file(String)
  }

  var license: Value?
  var vendorKey: Value?
  /// Reads a small text file; nil where it cannot be read.
  var read: @Sendable (_ path: String) -> String?

  /// What the settings say at this moment.
  struct Content: Sendable, Hashable {
    /// Nil where no licence is configured.
    var token: Result<String, LicenseError>?
    var keys: Result<LicenseKeys, LicenseError>
  }

  /// As `content()`, without a thread of Swift's tasks waiting for the disk.
  func currentContent() async -> Content {
    switch (license, vendorKey) {
    case (.file, _), (_, .file): await onOwnThread { content() }
    default: content()
    }
  }

  func content() -> Content {
    Content(token: license.map { text($0, "the licence") }, keys: keys())
  }

  /// A wrong key must not pass for none: then no licence would be checked.
  /// - Throws: `ConfigurationError`.
  func checkKeys() throws(ConfigurationError) {
    guard let vendorKey else { return }
    if case .success(let text) = text(vendorKey, "the vendor's key"), text.contains("PRIVATE KEY") {
      throw ConfigurationError(
        "is a private key, which must stay at the vendor's: take the one beside it that ends in .pub",
        setting: "WRKTALK_VENDOR_PUBLIC_KEY")
    }
    if case .failure(let error) = keys() {
      throw ConfigurationError(error.message, setting: "WRKTALK_VENDOR_PUBLIC_KEY")
    }
  }

  private func keys() -> Result<LicenseKeys, LicenseError> {
    guard let vendorKey else {
      return .failure(
        LicenseError("a licence is set, but not the vendor's key: set WRKTALK_VENDOR_PUBLIC_KEY_FILE"))
    }
    do throws(LicenseError) {
      return .success(try LicenseKeys(parsing: try text(vendorKey, "the vendor's key").get()))
    } catch {
      return .failure(error)
    }
  }

  private func text(_ value: Value, _ name: String) -> Result<String, LicenseError> {
    switch value {
    case .text(let given): .success(given)
    case .file(let path):
      read(path).map { .success($0) } ?? .failure(LicenseError("\(name) cannot be read from \(path)"))
    }
  }
}

extension LicenseSet {
  /// - Parameter kept: tokens in the database.
  init(holder: LicenseHolder, _ content: LicenseSource.Content, kept: [String]) {
    var held: [HeldLicense] = []
    if let token = content.token { held.append(HeldLicense(source: .configured, token: token, keys: content.keys)) }
    held += kept.map { HeldLicense(source: .kept, token: .success($0), keys: content.keys) }
    self.init(holder: holder, held: held)
  }
}
