public import WireFormats

/// Whom a licence is to be for.
public struct LicenseHolder: Sendable, Hashable {
  /// Nil where it is not known: then every organization's holds.
  public var organization: String?
  /// Nil where it is not known: then a licence for any installation holds.
  public var installation: String?

  public init(organization: String? = nil, installation: String? = nil) {
    self.organization = organization
    self.installation = installation
  }
}

/// How a customer stands with the licence.
public enum LicenseState: Sendable, Hashable {
  /// None is configured: nothing is checked, and nothing is valid.
  case notConfigured
  case valid(License)
  case notYetValid(License)
  case expired(License)
  case wrongOrganization(License, expected: String)
  case wrongInstallation(License, expected: String)
  /// It cannot be read, or is not the vendor's.
  case invalid(LicenseError)

  public init(_ license: License, for holder: LicenseHolder, at now: Timestamp) {
    if let expected = holder.organization, license.organization != expected {
      self = .wrongOrganization(license, expected: expected)
    } else if let bound = license.installation, let expected = holder.installation, bound != expected {
      self = .wrongInstallation(license, expected: expected)
    } else {
      switch license.period(at: now) {
      case .ahead: self = .notYetValid(license)
      case .running: self = .valid(license)
      case .over: self = .expired(license)
      }
    }
  }

  /// One word in CamelCase, as APIs say it.
  public var word: String {
    switch self {
    case .notConfigured: "NotConfigured"
    case .valid: "Valid"
    case .notYetValid: "NotYetValid"
    case .expired: "Expired"
    case .wrongOrganization: "WrongOrganization"
    case .wrongInstallation: "WrongInstallation"
    case .invalid: "Invalid"
    }
  }

  /// Nil where there is none that was understood.
  public var license: License? {
    switch self {
    case .notConfigured, .invalid: nil
    case .valid(let license), .notYetValid(let license), .expired(let license), .wrongOrganization(let license, _),
      .wrongInstallation(let license, _):
      license
    }
  }

  /// Whether releases are kept from being deployed.
  public var isBlocking: Bool {
    switch self {
    case .notConfigured, .valid: false
    case .notYetValid, .expired, .wrongOrganization, .wrongInstallation, .invalid: true
    }
  }

  /// A sentence that says how it stands and what to do.
  public var message: String {
    switch self {
    case .notConfigured: return "no licence is configured, so none is checked"
    case .valid(let license):
      return license.expiresAt.map { "the licence is valid until \($0)" } ?? "the licence is valid and never expires"
    case .notYetValid(let license):
      return "the licence is valid from \(license.notBefore.map { "\($0)" } ?? "later") on: until then install another"
    case .expired(let license):
      return "the licence expired\(license.expiresAt.map { " on \($0)" } ?? ""): ask the vendor to renew it"
    case .wrongOrganization(let license, let expected):
      return
        "the licence is for the organization \"\(license.organization)\", not for \"\(expected)\": ask the vendor for one of "
        + "your own"
    case .wrongInstallation(let license, let expected):
      return
        "the licence is for the installation \"\(license.installation ?? "")\", and this one is \"\(expected)\": ask the "
        + "vendor for one that is for this installation"
    case .invalid(let error): return error.message
    }
  }
}
