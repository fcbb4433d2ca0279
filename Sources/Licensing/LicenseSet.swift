public import WireFormats

/// A token at hand, and what reading it gave.
public struct HeldLicense: Sendable, Hashable {
  public enum Source: String, Sendable, Hashable {
    /// The operator's settings.
    case configured
    /// Kept since the vendor renewed it or an admin installed it.
    case kept
  }

  public var source: Source
  /// Nil where there is none to be read, such as for a file that is missing.
  public var token: String?
  public var reading: Result<License, LicenseError>

  /// - Parameter keys: of the vendor, or why there are none.
  public init(source: Source, token: Result<String, LicenseError>, keys: Result<LicenseKeys, LicenseError>) {
    self.source = source
    self.token = try? token.get()
    do throws(LicenseError) {
      reading = .success(try License(token: try token.get(), keys: try keys.get()))
    } catch {
      reading = .failure(error)
    }
  }

  public func state(for holder: LicenseHolder, at now: Timestamp) -> LicenseState {
    switch reading {
    case .success(let license): LicenseState(license, for: holder, at: now)
    case .failure(let error): .invalid(error)
    }
  }
}

/// All licences that an installation has at hand, of which one counts.
public struct LicenseSet: Sendable, Hashable {
  public var holder: LicenseHolder
  public var held: [HeldLicense]

  public init(holder: LicenseHolder = LicenseHolder(), held: [HeldLicense] = []) {
    self.holder = holder
    self.held = held
  }

  /// The newest valid one; where none is, the one that is nearest to it. Nil without any.
  public func current(at now: Timestamp) -> (held: HeldLicense, state: LicenseState)? {
    var best: (held: HeldLicense, state: LicenseState)?
    for held in held {
      let state = held.state(for: holder, at: now)
      if let chosen = best, !Self.isBetter(state, than: chosen.state) { continue }
      best = (held, state)
    }
    return best
  }

  public func state(at now: Timestamp) -> LicenseState { current(at: now)?.state ?? .notConfigured }

  private static func isBetter(_ state: LicenseState, than other: LicenseState) -> Bool {
    if state.rank != other.rank { return state.rank > other.rank }
    guard let license = state.license, let chosen = other.license else { return false }
    return license.isNewer(than: chosen)
  }

  /// The licence with which the time ends that is covered without a gap from now on; the one that ended last where none holds
  /// now. Nil where nothing ends: one never expires, or there is none.
  public func last(at now: Timestamp) -> License? {
    let own = held.compactMap { held -> License? in
      switch held.state(for: holder, at: now) {
      case .valid(let license), .notYetValid(let license), .expired(let license): license
      case .notConfigured, .wrongOrganization, .wrongInstallation, .invalid: nil
      }
    }
    let ended = own.filter { $0.period(at: now) == .over }.max { Self.end($0) < Self.end($1) }
    var (end, last): (Timestamp, License?) = (now, nil)
    while let next = own.filter({ ($0.notBefore ?? end) <= end }).max(by: { Self.end($0) < Self.end($1) }),
      Self.end(next) > end
    {
      guard next.expiresAt != nil else { return nil }
      (end, last) = (Self.end(next), next)
    }
    return last ?? ended
  }

  private static func end(_ license: License) -> Timestamp { license.expiresAt ?? Timestamp(microseconds: .max) }
}

extension LicenseState {
  /// How near it is to a licence that holds.
  fileprivate var rank: Int {
    switch self {
    case .notConfigured: 0
    case .invalid: 1
    case .wrongOrganization: 2
    case .wrongInstallation: 3
    case .expired: 4
    case .notYetValid: 5
    case .valid: 6
    }
  }
}
