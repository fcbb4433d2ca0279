import HTTPService
import ProgramConfiguration

/// What the Backend reads from its environment beside what every server does (`ServerConfiguration`).
struct BackendConfiguration: Sendable {
  var license: LicenseSource.Value?
  var vendorKey: LicenseSource.Value?

  /// - Throws: `ConfigurationError`, which names the variable at fault.
  init(environment: [String: String]) throws(ConfigurationError) {
    func source(_ name: String) throws(ConfigurationError) -> LicenseSource.Value? {
      let (text, file) = (environment[name] ?? "", environment["\(name)_FILE"] ?? "")
      switch (text.isEmpty, file.isEmpty) {
      case (true, true): return nil
      case (false, true): return .text(text)
      case (true, false): return .file(file)
      case (false, false): throw ConfigurationError("set \(name) or \(name)_FILE, not both")
      }
    }
    license = try source("WRKTALK_LICENSE")
    vendorKey = try source("WRKTALK_VENDOR_PUBLIC_KEY")
  }
}
