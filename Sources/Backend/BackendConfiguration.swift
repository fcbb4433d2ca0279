import Accounts
import DeploymentKinds
import FoundationEssentials
import HTTPService
import ObjectStorage
import ProgramConfiguration
import ResourceClient
import ResourceModel
import ServerPrograms

/// What the Backend reads from its environment beside what every server does (`ServerConfiguration`); the names are the
/// specification's (appendix A) where it has one.
struct BackendConfiguration: Sendable {
  var license: LicenseSource.Value?
  /// One or several keys.
  var vendorKey: LicenseSource.Value?
  /// Whom the licence is to be for: `WRKTALK_ORGANIZATION_NAME`; nil: any organization.
  var organization: String?
  /// Nil where no vendor's server is configured: releases come by records alone.
  var vendor: VendorConnection?
  var deployment: DeploymentSettings
  /// `WRKTALK_BUCKET_NAME` and the rest of `BucketConfiguration` with that prefix; without it a folder `bucket` in the data
  /// folder.
  var bucket: BucketConfiguration
  /// Whether it is that folder, which is made where it is missing.
  var isBucketEmbedded: Bool
  var notices: NoticeSettings
  /// What `deployment_config` says of them.
  var row: DeploymentConfigRow
  /// Seals secrets: `WRKTALK_SECRET_KEY` or `WRKTALK_SECRET_KEY_FILE`; nil: the data folder has one.
  var secretKey: [UInt8]?
  /// How people's browsers address the server, where a proxy changes the name: `WRKTALK_EXTERNAL_URL`, such as
  /// `https://tower.example.com`.
  var externalURL: String?
  /// Nil without `WRKTALK_OIDC_ISSUER`.
  var oidc: OIDCConfiguration?
  /// The trust root that releases are checked under before they are offered: `WRKTALK_TRUST_ROOT_FILE`. The Agent has its own.
  var trustRootFile: String?
  /// Where artifacts lie until the bucket has them.
  var downloadsFolder: String

  static let variables = KnownVariables(
    prefix: "WRKTALK_",
    BucketConfiguration.names.union(OIDCConfiguration.names).union([
      "LICENSE", "LICENSE_FILE", "VENDOR_PUBLIC_KEY", "VENDOR_PUBLIC_KEY_FILE", "ORGANIZATION_NAME", "GCC_ENDPOINT",
      "GCC_API_KEY", "GCC_API_KEY_FILE", "GCC_CA_FILE", "WEBHOOK_SECRET", "WEBHOOK_SECRET_FILE", "DEPLOYMENT_NAME",
      "DEPLOYMENT_NAMESPACE", "DEPLOYMENT_TYPE", "DEPLOYMENT_TIMEOUT", "HELM_RELEASE_NAME", "COMPOSE_PROJECT_NAME",
      "ENV_PATH", "VALUES_PATH", "ADMIN_EMAIL", "NOTICE_WEBHOOK_URL", "NOTICE_WEBHOOK_SECRET",
      "NOTICE_WEBHOOK_SECRET_FILE", "PUBLIC_URL", "TIME_ZONE", "SECRET_KEY", "SECRET_KEY_FILE", "TRUST_ROOT_FILE",
      "POLL_INTERVAL",
    ]))

  /// - Parameter dataFolder: an absolute path.
  /// - Throws: `ConfigurationError`, which names the variable at fault.
  init(environment: [String: String], dataFolder: String) throws(ConfigurationError) {
    let variables = EnvironmentVariables(environment, prefix: "WRKTALK_")
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
    organization = variables["ORGANIZATION_NAME"]
    vendor = try VendorConnection(variables)
    if vendor == nil {
      for name in ["GCC_API_KEY", "GCC_API_KEY_FILE", "WEBHOOK_SECRET", "WEBHOOK_SECRET_FILE", "GCC_CA_FILE"]
      where variables[name] != nil {
        throw variables.wrong(name, "is set, and WRKTALK_GCC_ENDPOINT, the vendor's server that it is for, is not")
      }
    }
    if vendorKey != nil, organization == nil {
      throw variables.wrong(
        "ORGANIZATION_NAME", "is missing: without it a licence for any other customer would hold here")
    }
    deployment = try DeploymentSettings(variables)
    isBucketEmbedded = variables["BUCKET_NAME"] == nil
    if isBucketEmbedded {
      for name in ["BUCKET_PROVIDER", "BUCKET_ENDPOINT", "BUCKET_REGION"] where variables[name] != nil {
        throw variables.wrong("BUCKET_NAME", "is missing, and WRKTALK_\(name) is set")
      }
      bucket = BucketConfiguration(store: .folder(path: "\(dataFolder)/bucket"))
    } else {
      bucket = try BucketConfiguration(environment: environment, prefix: variables.prefix)
    }
    notices = try NoticeSettings(variables)
    row = try DeploymentConfigRow(variables, vendor: vendor)
    secretKey = try SecretKey.inEnvironment(environment, prefix: variables.prefix)
    externalURL = try ExternalURL.origin(variables)
    oidc = try OIDCConfiguration(
      variables, externalURL: externalURL, roles: BackendAccess.accounts.roles)
    trustRootFile = variables["TRUST_ROOT_FILE"]
    downloadsFolder = "\(dataFolder)/downloads"
  }

  /// Made where they are missing, whatever database is used.
  var embeddedFolders: [String] {
    if isBucketEmbedded, case .folder(let path) = bucket.store { [downloadsFolder, path] } else { [downloadsFolder] }
  }
}

/// Where releases come from, and by what this customer is known there.
struct VendorConnection: Sendable {
  /// Such as `https://gcc.wrktalk.com`, without a slash at its end.
  var endpoint: String
  var organization: String
  /// As it was at the start.
  var apiKey: String
  /// Read for each request, so that a new key counts at once.
  var apiKeyFile: String?
  /// Of the vendor's webhooks, as it was at the start; nil: none are taken, and releases come by poll alone.
  var webhookSecret: String?
  /// Read again and again, so that a new secret counts at once.
  var webhookSecretFile: String?
  /// `WRKTALK_GCC_CA_FILE`: who vouches for the vendor's server; nil: whom the system trusts.
  var certificateAuthorityFile: String?

  /// Nil without `WRKTALK_GCC_ENDPOINT`.
  /// - Throws: `ConfigurationError`.
  init?(_ variables: EnvironmentVariables) throws(ConfigurationError) {
    guard variables["GCC_ENDPOINT"] != nil else { return nil }
    var endpoint = try variables.url("GCC_ENDPOINT", default: "")
    while endpoint.hasSuffix("/") { endpoint.removeLast() }
    let allowsInsecureHTTP = try variables.flag("INSECURE_HTTP")
    guard allowsInsecureHTTP || !APIEndpoint.leavesMachineUnencrypted(endpoint) else {
      throw variables.wrong(
        "GCC_ENDPOINT",
        "would have the API key travel to another machine without TLS: use https, or set WRKTALK_INSECURE_HTTP=true in "
          + "a network that you trust")
    }
    self.endpoint = endpoint
    certificateAuthorityFile = variables["GCC_CA_FILE"]
    guard let organization = variables["ORGANIZATION_NAME"] else {
      throw variables.wrong("ORGANIZATION_NAME", "is missing: the name that the vendor knows this customer by")
    }
    self.organization = organization
    guard let key = try Self.secret("GCC_API_KEY", variables) else {
      throw variables.wrong("GCC_API_KEY", "is missing: the vendor gives it out (wrktalkctl org key create)")
    }
    apiKey = key
    apiKeyFile = variables["GCC_API_KEY_FILE"]
    webhookSecret = try Self.secret("WEBHOOK_SECRET", variables)
    webhookSecretFile = variables["WEBHOOK_SECRET_FILE"]
  }

  /// The variable, or what stands in the file that `NAME_FILE` names; nil where neither is set.
  static func secret(
    _ name: String, _ variables: EnvironmentVariables
  ) throws(ConfigurationError) -> String? {
    switch (variables[name], variables["\(name)_FILE"]) {
    case (nil, nil): return nil
    case (let text?, nil): return text
    case (nil, let path?):
      guard let text = word(ofFile: path) else { throw variables.wrong("\(name)_FILE", "\(path) cannot be read") }
      return text
    case (_?, _?): throw ConfigurationError("set WRKTALK_\(name) or WRKTALK_\(name)_FILE, not both")
    }
  }
}

extension VendorConnection {
  /// As it is now; a file that is just being replaced leaves the key of before.
  var presentAPIKey: String { apiKeyFile.flatMap(Self.word(ofFile:)) ?? apiKey }

  /// As it is now, in the same way.
  var presentWebhookSecret: String? { webhookSecretFile.flatMap(Self.word(ofFile:)) ?? webhookSecret }

  private static func word(ofFile path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path), data.count < 4096 else { return nil }
    return String(validating: data, as: UTF8.self)?.split(whereSeparator: \.isWhitespace).first.map(String.init)
  }
}

/// What the releases of this customer are deployed to.
struct DeploymentSettings: Sendable, Hashable {
  /// The specification's words (spec §12, `DeploymentType`).
  enum Kind: String, Sendable, CaseIterable {
    case kubernetes
    case docker

    var runtime: DeploymentRuntimeKind { self == .kubernetes ? .helm : .compose }
    /// What the vendor calls the artifact.
    var artifactType: String { self == .kubernetes ? "helm" : "compose" }
  }

  var kind: Kind
  /// Of the DesiredDeployment.
  var namespace: String
  var name: String
  var helmReleaseName: String
  var composeProjectName: String
  /// Of the customer's values in the bucket.
  var valuesPath: String
  /// Of the customer's present `.env` in the bucket.
  var envPath: String
  /// Within which a release must have come up, else the Agent returns to the one before: `WRKTALK_DEPLOYMENT_TIMEOUT`. Nil leaves
  /// what the DesiredDeployment says, which is ten minutes where nobody has changed it.
  var timeout: Duration?

  /// - Throws: `ConfigurationError`.
  init(_ variables: EnvironmentVariables) throws(ConfigurationError) {
    kind = try variables.choice("DEPLOYMENT_TYPE", default: .kubernetes)
    // What a DesiredDeployment cannot hold would be refused with the first release only.
    namespace = try Self.text(variables, "DEPLOYMENT_NAMESPACE", default: "wrktalk") {
      NameRules.labelProblems($0).first
    }
    name = try Self.text(variables, "DEPLOYMENT_NAME", default: "wrktalk") { NameRules.subdomainProblems($0).first }
    helmReleaseName = try Self.text(variables, "HELM_RELEASE_NAME", default: "wrktalk") { name in
      name.utf8.count > 53 ? "must have at most 53 characters" : NameRules.subdomainProblems(name).first
    }
    composeProjectName = try Self.text(variables, "COMPOSE_PROJECT_NAME", default: "wrktalk") { name in
      name.wholeMatch(of: /[a-z0-9][a-z0-9_\-]{0,62}/) == nil
        ? "must be lower-case letters, digits, '-' and '_', starting with a letter or digit, 63 at most" : nil
    }
    valuesPath = try Self.text(variables, "VALUES_PATH", default: "config/values.yaml", Self.keyProblem)
    envPath = try Self.text(variables, "ENV_PATH", default: "config/.env", Self.keyProblem)
    if variables["DEPLOYMENT_TIMEOUT"] != nil {
      timeout = try variables.duration(
        "DEPLOYMENT_TIMEOUT", default: .seconds(600), in: .seconds(10)...(.seconds(24 * 3600)))
    }
  }

  private static func text(
    _ variables: EnvironmentVariables, _ name: String, default standard: String, _ problem: (String) -> String?
  ) throws(ConfigurationError) -> String {
    guard let text = variables[name] else { return standard }
    if let problem = problem(text) { throw variables.wrong(name, "\"\(text.prefix(80))\": \(problem)") }
    return text
  }

  private static func keyProblem(_ key: String) -> String? {
    let parts = key.split(separator: "/", omittingEmptySubsequences: false)
    return parts.contains { ["", ".", ".."].contains($0) } || key.contains("\\")
      ? "must be a key within the bucket: no '/' at its start or end, no '.', '..' or nothing between two '/', no '\\'"
      : nil
  }

  /// Where the artifact of a version lies in the customer's bucket (spec §3.2).
  func artifactPath(version: String) -> String {
    switch kind {
    case .kubernetes: "artifacts/helm/wrktalk-\(version).tgz"
    case .docker: "artifacts/compose/wrktalk-\(version)-compose.tar.gz"
    }
  }
}
