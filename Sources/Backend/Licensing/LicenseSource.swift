import Cryptography
import Files
import Threads
import WireFormats

/// Where the licence and the vendor's key come from. Files are read each time, so that a renewed licence counts at once.
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

  /// As `state()`, without a thread of Swift's tasks waiting for the disk.
  func currentState() async -> LicenseState {
    switch (license, vendorKey) {
    case (.file, _), (_, .file): await onOwnThread { state() }
    default: state()
    }
  }

  func state() -> LicenseState {
    guard let license else { return .notRequired }
    guard let vendorKey else {
      return .rejected(
        LicenseError(message: "a licence is set, but not the vendor's key: set WRKTALK_VENDOR_PUBLIC_KEY_FILE"))
    }
    do {
      let key = try Ed25519.PublicKey(text: try text(vendorKey, "the vendor's key"))
      return .licensed(try License(token: try text(license, "the licence"), vendorKey: key))
    } catch let error as LicenseError {
      return .rejected(error)
    } catch {
      return .rejected(LicenseError(message: "\(error)"))
    }
  }

  private func text(_ value: Value, _ name: String) throws(LicenseError) -> String {
    let text: String
    switch value {
    case .text(let given): text = given
    case .file(let path):
      guard let content = read(path) else { throw LicenseError(message: "\(name) cannot be read from \(path)") }
      text = content
    }
    var trimmed = Substring(text)
    while trimmed.first?.isWhitespace == true { trimmed.removeFirst() }
    while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
    return String(trimmed)
  }
}
