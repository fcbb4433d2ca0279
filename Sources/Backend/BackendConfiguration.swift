import DeploymentKinds
import FoundationEssentials
import HTTPService
import ObjectStorage
import ProgramConfiguration
import ResourceClient
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
    deployment = try DeploymentSettings(variables)
    if variables["BUCKET_NAME"] == nil {
      bucket = BucketConfiguration(store: .folder(path: "\(dataFolder)/bucket"))
    } else {
      bucket = try BucketConfiguration(environment: environment, prefix: variables.prefix)
    }
    notices = try NoticeSettings(variables)
    row = DeploymentConfigRow(variables, vendor: vendor)
    secretKey = try SecretKey.inEnvironment(environment, prefix: variables.prefix)
    externalURL = try Self.origin(variables)
    oidc = try OIDCConfiguration(variables, externalURL: externalURL)
    trustRootFile = variables["TRUST_ROOT_FILE"]
    downloadsFolder = "\(dataFolder)/downloads"
  }

  /// Made where they are missing, whatever database is used.
  var embeddedFolders: [String] {
    if case .folder(let path) = bucket.store { [downloadsFolder, path] } else { [downloadsFolder] }
  }
}

extension BackendConfiguration {
  /// Scheme, host and port alone, in lower case.
  private static func origin(_ variables: EnvironmentVariables) throws(ConfigurationError) -> String? {
    guard variables["EXTERNAL_URL"] != nil else { return nil }
    var text = try variables.url("EXTERNAL_URL", default: "").lowercased()
    while text.hasSuffix("/") { text.removeLast() }
    guard text.split(separator: "/", omittingEmptySubsequences: false).count == 3, !text.contains("?"),
      !text.contains("#")
    else { throw variables.wrong("EXTERNAL_URL", "must be scheme, host and perhaps a port, without a path") }
    return text
  }
}

/// Where releases come from, and by what this customer is known there.
struct VendorConnection: Sendable {
  /// Such as `https://gcc.wrktalk.com`, without a slash at its end.
  var endpoint: String
  var organization: String
  var apiKey: String
  /// Of the vendor's webhooks; nil: none are taken, and releases come by poll alone.
  var webhookSecret: String?
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
    webhookSecret = try Self.secret("WEBHOOK_SECRET", variables)
  }

  /// The variable, or what stands in the file that `NAME_FILE` names; nil where neither is set.
  static func secret(
    _ name: String, _ variables: EnvironmentVariables
  ) throws(ConfigurationError) -> String? {
    switch (variables[name], variables["\(name)_FILE"]) {
    case (nil, nil): return nil
    case (let text?, nil): return text
    case (nil, let path?):
      guard let data = FileManager.default.contents(atPath: path), data.count < 4096,
        let text = String(validating: data, as: UTF8.self)?.split(whereSeparator: \.isWhitespace).first
      else { throw variables.wrong("\(name)_FILE", "\(path) cannot be read") }
      return String(text)
    case (_?, _?): throw ConfigurationError("set WRKTALK_\(name) or WRKTALK_\(name)_FILE, not both")
    }
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

  /// - Throws: `ConfigurationError`.
  init(_ variables: EnvironmentVariables) throws(ConfigurationError) {
    kind = try variables.choice("DEPLOYMENT_TYPE", default: .kubernetes)
    namespace = variables["DEPLOYMENT_NAMESPACE"] ?? "wrktalk"
    name = variables["DEPLOYMENT_NAME"] ?? "wrktalk"
    helmReleaseName = variables["HELM_RELEASE_NAME"] ?? "wrktalk"
    composeProjectName = variables["COMPOSE_PROJECT_NAME"] ?? "wrktalk"
    valuesPath = variables["VALUES_PATH"] ?? "config/values.yaml"
    envPath = variables["ENV_PATH"] ?? "config/.env"
  }

  /// Where the artifact of a version lies in the customer's bucket (spec §3.2).
  func artifactPath(version: String) -> String {
    switch kind {
    case .kubernetes: "artifacts/helm/wrktalk-\(version).tgz"
    case .docker: "artifacts/compose/wrktalk-\(version)-compose.tar.gz"
    }
  }
}
