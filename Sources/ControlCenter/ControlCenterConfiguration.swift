import Cryptography
import CurlTransfers
import FoundationEssentials
import Mail
import ObjectStorage
import ProgramConfiguration
import ServerPrograms

/// What the vendor's server reads from its environment beside what every server does (`ServerConfiguration`); the names are the
/// specification's (appendix A) where it has one.
struct ControlCenterConfiguration: Sendable {
  /// `GCC_BUCKET_NAME` and the rest of `BucketConfiguration` with that prefix; without it a folder `artifacts` in the data
  /// folder.
  var bucket: BucketConfiguration
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

  /// - Throws: `ConfigurationError`, which names the variable at fault.
  init(environment: [String: String], dataFolder: String, isEmbedded: Bool) throws(ConfigurationError) {
    func value(_ name: String) -> String? {
      environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
    if value("GCC_BUCKET_NAME") == nil {
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
    secretKey = try Self.key(environment)
    if secretKey == nil, !isEmbedded {
      throw ConfigurationError(
        "is missing: it seals the secrets of webhooks, and every process over this database needs the same; make one with: "
          + "openssl rand -hex 32", setting: "GCC_SECRET_KEY_FILE")
    }
    mail = try Self.mail(environment)
    adminAddresses = try Self.recipients(value("GCC_ADMIN_EMAIL"))
    webhookAddresses = try Self.addresses(value("GCC_WEBHOOK_ALLOWED_ADDRESSES"))
    trustRootFile = value("GCC_TRUST_ROOT_FILE")
  }

  /// The bucket's folder, where it is one of the data folder.
  var embeddedFolders: [String] { if case .folder(let path) = bucket.store { [path] } else { [] } }

  private static func absolute(_ folder: String) throws(ConfigurationError) -> String {
    folder.hasPrefix("/") ? folder : FileManager.default.currentDirectoryPath + "/" + folder
  }

  private static func key(_ environment: [String: String]) throws(ConfigurationError) -> [UInt8]? {
    let (text, file) = (environment["GCC_SECRET_KEY"] ?? "", environment["GCC_SECRET_KEY_FILE"] ?? "")
    if text.isEmpty, file.isEmpty { return nil }
    guard text.isEmpty || file.isEmpty else {
      throw ConfigurationError("set GCC_SECRET_KEY or GCC_SECRET_KEY_FILE, not both")
    }
    if !text.isEmpty { return try SecretKey.parse(text, setting: "GCC_SECRET_KEY") }
    guard let data = FileManager.default.contents(atPath: file), data.count < 4096 else {
      throw ConfigurationError("\(file) cannot be read", setting: "GCC_SECRET_KEY_FILE")
    }
    return try SecretKey.parse(String(decoding: data, as: UTF8.self), setting: "GCC_SECRET_KEY_FILE")
  }

  /// `SMTP_HOST`, `SMTP_PORT`, `SMTP_SECURITY` (starttls, tls, none), `SMTP_USER` with `SMTP_PASSWORD` or
  /// `SMTP_PASSWORD_FILE`, `SMTP_FROM`.
  private static func mail(_ environment: [String: String]) throws(ConfigurationError) -> MailConfiguration? {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    guard let host = value("SMTP_HOST") else { return nil }
    let word = value("SMTP_SECURITY") ?? MailSettings.Security.startTLS.rawValue
    guard let security = MailSettings.Security(rawValue: word) else {
      throw ConfigurationError("must be starttls, tls or none", setting: "SMTP_SECURITY")
    }
    let port = value("SMTP_PORT")
    let number = port.flatMap { UInt16($0) }
    if port != nil, number == nil || number == 0 {
      throw ConfigurationError("must be a port from 1 to 65535", setting: "SMTP_PORT")
    }
    var password = value("SMTP_PASSWORD")
    if let file = value("SMTP_PASSWORD_FILE") {
      guard let data = FileManager.default.contents(atPath: file), data.count < 4096 else {
        throw ConfigurationError("\(file) cannot be read", setting: "SMTP_PASSWORD_FILE")
      }
      password = String(decoding: data, as: UTF8.self)
      while password?.last?.isNewline == true { password?.removeLast() }
    }
    let credentials = value("SMTP_USER").map { MailSettings.Credentials(user: $0, password: password ?? "") }
    let from = value("SMTP_FROM") ?? "gcc@\(host)"
    guard let sender = MailAddress(from) else {
      throw ConfigurationError("must be an address such as gcc@example.com", setting: "SMTP_FROM")
    }
    do throws(MailSettingsError) {
      return MailConfiguration(
        settings: try MailSettings(host: host, port: number, security: security, credentials: credentials),
        sender: sender)
    } catch {
      throw ConfigurationError(error.description, setting: "SMTP_HOST")
    }
  }

  private static func recipients(_ text: String?) throws(ConfigurationError) -> [MailAddress] {
    var addresses: [MailAddress] = []
    for part in (text ?? "").split(separator: ",") {
      let trimmed = String(part.filter { $0 != " " })
      guard let address = MailAddress(trimmed) else {
        throw ConfigurationError("\"\(trimmed.prefix(80))\" is not a mail address", setting: "GCC_ADMIN_EMAIL")
      }
      addresses.append(address)
    }
    return addresses
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

/// The server that takes this program's mails, and whom they are from.
struct MailConfiguration: Sendable {
  var settings: MailSettings
  var sender: MailAddress
}

/// The key that seals secrets in the database.
enum SecretKey {
  /// 64 hexadecimal digits, or 32 bytes as Base64.
  static func parse(_ text: String, setting: String) throws(ConfigurationError) -> [UInt8] {
    let trimmed = text.filter { !$0.isWhitespace }
    if let bytes = Hexadecimal.decode(trimmed) ?? Base64.decode(trimmed, alphabet: .standard),
      bytes.count == AES256GCM.keyByteCount
    {
      return bytes
    }
    throw ConfigurationError(
      "must be 32 random bytes as 64 hexadecimal digits or Base64; make one with: openssl rand -hex 32",
      setting: setting)
  }

  /// The key of an embedded installation: made once, readable by its owner only.
  static func inDataFolder(_ folder: String) throws(ConfigurationError) -> [UInt8] {
    let path = "\(folder)/secret.key"
    if let data = FileManager.default.contents(atPath: path) {
      return try parse(String(decoding: data, as: UTF8.self), setting: path)
    }
    let key = SecureRandom.bytes(count: AES256GCM.keyByteCount)
    let content = Data((Hexadecimal.encode(key) + "\n").utf8)
    // Of several that begin at once, the first to write wins, and nobody sees half of it.
    let temporary = "\(path).\(Hexadecimal.encode(SecureRandom.bytes(count: 8)))"
    guard
      FileManager.default.createFile(atPath: temporary, contents: content, attributes: [.posixPermissions: 0o600])
    else { throw ConfigurationError("the key \(path) cannot be written") }
    defer { try? FileManager.default.removeItem(atPath: temporary) }
    do {
      try FileManager.default.linkItem(atPath: temporary, toPath: path)
      return key
    } catch {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw ConfigurationError("the key \(path) cannot be written: \(error)")
      }
      return try parse(String(decoding: data, as: UTF8.self), setting: path)
    }
  }
}
