import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import Licensing
import Threads
import WireFormats

/// What the Backend says of the licence (spec §14.3).
struct LicenseStatement: Sendable, Hashable {
  /// What there is to make of it where the Backend is believed.
  var claim: DeploymentFacts.License
  /// The licence itself, as the vendor signed it; Backends of earlier versions give none.
  var token: String?
  /// What the Backend's installation is called.
  var installation: String?

  init(claim: DeploymentFacts.License, token: String? = nil, installation: String? = nil) {
    self.claim = claim
    self.token = token
    self.installation = installation
  }

  init(_ answer: JSONValue) {
    claim = Self.claim(answer)
    token = answer["token"]?.string
    installation = answer["installation"]?.string
  }

  private static func claim(_ answer: JSONValue) -> DeploymentFacts.License {
    switch answer["valid"]?.bool {
    case true:
      // Backends of earlier versions say it by a member of its own.
      return answer["state"]?.string == "NotConfigured" || answer["configured"]?.bool == false ? .notConfigured : .valid
    case false:
      if answer["state"]?.string != "Expired", let message = answer["message"]?.string {
        return .rejected(message: message)
      }
      return .expired(at: answer["expiresAt"]?.string.flatMap { Timestamp($0) })
    case nil: return .unavailable(message: "The Backend's answer about the licence has no member \"valid\"")
    }
  }
}

/// How the Agent checks the licence by itself: with the vendor's key, what the vendor signed counts and no word of the Backend's.
public struct LicenseCheck: Sendable, Hashable {
  var keys: LicenseKeys
  /// Whom the licence is to be for; nil: any organization.
  var organization: String?
  /// Of a token beside the one that the Backend gives; of both the newest valid one counts.
  var file: String?

  /// - Parameter own: what is in the file; nil without one.
  func verdict(
    on statement: LicenseStatement, own: Result<String, LicenseError>?, at now: Timestamp
  ) -> DeploymentFacts.License {
    var held: [HeldLicense] = []
    if let own { held.append(HeldLicense(source: .configured, token: own, keys: .success(keys))) }
    if let token = statement.token {
      held.append(HeldLicense(source: .kept, token: .success(token), keys: .success(keys)))
    }
    let holder = LicenseHolder(organization: organization, installation: statement.installation)
    let state = LicenseSet(holder: holder, held: held).state(at: now)
    if case .valid = state { return .valid }
    // It may have a newer one.
    if case .unavailable = statement.claim { return statement.claim }
    switch state {
    case .valid: return .valid
    case .expired(let license): return .expired(at: license.expiresAt)
    case .notYetValid, .wrongOrganization, .wrongInstallation, .invalid: return .rejected(message: state.message)
    case .notConfigured: return Self.withoutToken(statement.claim)
    }
  }

  private static func withoutToken(_ claim: DeploymentFacts.License) -> DeploymentFacts.License {
    let source =
      switch claim {
      case .notChecked, .expired, .rejected, .unavailable: ""
      case .valid: "the Backend says that the licence is valid, but does not show it"
      case .notOffered: "the server knows no licences"
      case .notConfigured: "the Backend was given none"
      }
    guard !source.isEmpty else { return claim }
    return .rejected(
      message:
        "there is none that the vendor's key of this Agent could check: \(source). Install one at the Backend, or name its "
        + "file in WRKTALK_AGENT_LICENSE_FILE")
  }

  /// What is in the file at this moment.
  func readFile() async -> Result<String, LicenseError>? {
    guard let file else { return nil }
    return await onOwnThread {
      guard let data = FileManager.default.contents(atPath: file), data.count <= License.maximumTokenByteCount,
        let text = String(validating: data, as: UTF8.self)
      else { return .failure(LicenseError("it cannot be read from \(file)")) }
      return .success(text)
    }
  }
}

/// The Backend, with the licence checked by the Agent itself.
struct LicensedBackend: BackendServices {
  let services: any BackendServices
  let check: LicenseCheck
  let statement: @Sendable () async -> LicenseStatement
  let now: @Sendable () -> Timestamp

  func license() async -> DeploymentFacts.License {
    let (own, said) = (await check.readFile(), await statement())
    return check.verdict(on: said, own: own, at: now())
  }

  func add(_ setting: DesiredDeploymentSpec.Setting) async throws(BackendServiceError) {
    try await services.add(setting)
  }
}
