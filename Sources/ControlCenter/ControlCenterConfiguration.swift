import Accounts
import Addresses
import Cryptography
import CurlTransfers
import FoundationEssentials
import Mail
import ObjectStorage
import ProgramConfiguration
import ServerPrograms
import WireFormats

/// What the vendor's server reads from its environment beside what every server does (`ServerConfiguration`); the names are the
/// specification's (appendix A) where it has one.
struct ControlCenterConfiguration: Sendable {
  /// `GCC_BUCKET_NAME` and the rest of `BucketConfiguration` with that prefix; without it a folder `artifacts` in the data
  /// folder.
  var bucket: BucketConfiguration
  /// Whether it is that folder, which is made where it is missing.
  var isBucketEmbedded: Bool
  /// Of `CI_TOKEN`.
  var ciToken: SHA256Digest?
  /// Seals webhook secrets: `GCC_SECRET_KEY` or `GCC_SECRET_KEY_FILE`; nil where there is an embedded database, whose data
  /// folder has one.
  var secretKey: [UInt8]?
  /// Nil without `SMTP_HOST`: no mail is sent.
  var mail: MailConfiguration?
  /// Whom internal mail goes to: `GCC_ADMIN_EMAIL`, several separated by commas.
  var adminAddresses: [MailAddress]
  /// Addresses that webhooks may go to besides the public Internet's: `GCC_WEBHOOK_ALLOWED_ADDRESSES`.
  var webhookAddresses: AddressPolicy
  /// The trust root that signed release manifests are checked under: `GCC_TRUST_ROOT_FILE`; nil: they are kept as they come.
  var trustRootFile: String?
  /// The private key that licences are signed with: `GCC_LICENSE_KEY_FILE`; nil: they are signed elsewhere.
  var licenseKeyFile: String?
  /// How people's browsers address the server, where a proxy changes the name: `GCC_EXTERNAL_URL`, such as
  /// `https://gcc.example.com`.
  var externalURL: String?
  /// The identity provider that people sign in by, `GCC_OIDC_…`; nil without `GCC_OIDC_ISSUER`.
  var oidc: OIDCConfiguration?

  static let variables = KnownVariables(
    prefix: "GCC_",
    BucketConfiguration.names.union(OIDCConfiguration.names).union([
      "SECRET_KEY", "SECRET_KEY_FILE", "ADMIN_EMAIL", "WEBHOOK_ALLOWED_ADDRESSES", "TRUST_ROOT_FILE",
      "LICENSE_KEY_FILE",
    ]), others: ["CI_TOKEN"])

  /// - Throws: `ConfigurationError`, which names the variable at fault.
  init(environment: [String: String], dataFolder: String, isEmbedded: Bool) throws(ConfigurationError) {
    // What came out of a file may have the end of its line.
    func value(_ name: String) -> String? { EnvironmentVariables.trimmed(environment[name]) }
    isBucketEmbedded = value("GCC_BUCKET_NAME") == nil
    if isBucketEmbedded {
      for name in ["GCC_BUCKET_PROVIDER", "GCC_BUCKET_ENDPOINT", "GCC_BUCKET_REGION"] where value(name) != nil {
        throw ConfigurationError("is missing, and \(name) is set", setting: "GCC_BUCKET_NAME")
      }
      bucket = BucketConfiguration(store: .folder(path: try Self.absolute(dataFolder) + "/artifacts"))
    } else {
      bucket = try BucketConfiguration(environment: environment, prefix: "GCC_")
    }
    if let token = value("CI_TOKEN") {
      guard token.utf8.count >= 16 else {
        throw ConfigurationError(
          "must have 16 characters at least; make one with: openssl rand -hex 32", setting: "CI_TOKEN")
      }
      ciToken = SHA256.digest(of: token)
    }
    secretKey = try SecretKey.inEnvironment(environment, prefix: "GCC_")
    if secretKey == nil, !isEmbedded {
      throw ConfigurationError(
        "is missing: it seals the secrets of webhooks, and every process over this database needs the same; make one with: "
          + "openssl rand -hex 32", setting: "GCC_SECRET_KEY_FILE")
    }
    mail = try MailConfiguration(environment: environment, sender: "gcc")
    adminAddresses = try MailConfiguration.addresses(value("GCC_ADMIN_EMAIL"), setting: "GCC_ADMIN_EMAIL")
    if mail == nil, !adminAddresses.isEmpty {
      throw ConfigurationError("is missing, and GCC_ADMIN_EMAIL is set: no mail can be sent", setting: "SMTP_HOST")
    }
    if mail != nil, adminAddresses.isEmpty {
      throw ConfigurationError(
        "is missing, and SMTP_HOST is set: it says whom the vendor's own mail goes to", setting: "GCC_ADMIN_EMAIL")
    }
    webhookAddresses = try Self.addresses(value("GCC_WEBHOOK_ALLOWED_ADDRESSES"))
    trustRootFile = value("GCC_TRUST_ROOT_FILE")
    licenseKeyFile = value("GCC_LICENSE_KEY_FILE")
    let variables = EnvironmentVariables(environment, prefix: "GCC_")
    externalURL = try ExternalURL.origin(variables)
    oidc = try OIDCConfiguration(
      variables, externalURL: externalURL, roles: ControlCenterAccess.accounts.roles)
  }

  /// The bucket's folder, where it is one of the data folder.
  var embeddedFolders: [String] {
    if isBucketEmbedded, case .folder(let path) = bucket.store { [path] } else { [] }
  }

  private static func absolute(_ folder: String) throws(ConfigurationError) -> String {
    folder.hasPrefix("/") ? folder : FileManager.default.currentDirectoryPath + "/" + folder
  }

  private static func addresses(_ text: String?) throws(ConfigurationError) -> AddressPolicy {
    guard let text else { return .publicInternet() }
    if text == "*" { return .unrestricted }
    var ranges: [AddressRange] = []
    for part in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
      guard let range = AddressRange(String(part)) else {
        throw ConfigurationError(
          "\"\(part.prefix(60))\" is not a range of addresses such as 10.1.0.0/16",
          setting: "GCC_WEBHOOK_ALLOWED_ADDRESSES")
      }
      ranges.append(range)
    }
    return .publicInternet(allowing: ranges)
  }
}
