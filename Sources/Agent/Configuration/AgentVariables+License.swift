import Licensing
import ProgramConfiguration

/// The variables that say how the Agent checks the licence.
extension EnvironmentVariables {
  /// Nil without a key of the vendor's: then the Backend is believed.
  func licenseCheck(readFile: (String) -> String?) throws(ConfigurationError) -> LicenseCheck? {
    let (textName, fileName) = ("VENDOR_PUBLIC_KEY", "VENDOR_PUBLIC_KEY_FILE")
    let keys: LicenseKeys
    switch (self[textName], self[fileName]) {
    case (nil, nil):
      for name in ["LICENSE_FILE", "ORGANIZATION_NAME"] where self[name] != nil {
        throw wrong(name, "needs the vendor's key to be checked with: set \(prefix)\(fileName), too")
      }
      return nil
    case (let text?, nil): keys = try licenseKeys(text, textName)
    case (nil, let path?):
      guard let text = readFile(path) else { throw wrong(fileName, "the file \(path) cannot be read") }
      keys = try licenseKeys(text, fileName)
    case (_?, _?): throw wrong(textName, "is set together with \(prefix)\(fileName); set only one of them")
    }
    let file = self["LICENSE_FILE"] == nil ? nil : try absolutePath("LICENSE_FILE", default: "")
    return LicenseCheck(keys: keys, organization: self["ORGANIZATION_NAME"], file: file)
  }

  private func licenseKeys(_ text: String, _ name: String) throws(ConfigurationError) -> LicenseKeys {
    do throws(LicenseError) {
      return try LicenseKeys(parsing: text)
    } catch {
      throw wrong(name, error.message)
    }
  }
}
