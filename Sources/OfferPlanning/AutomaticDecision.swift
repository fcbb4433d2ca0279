import ReleaseManifest

/// Which release the policy Automatic schedules next.
///
/// It takes what is there whole and verified, newer than what runs, and untouched: nobody declined, scheduled, cancelled, missed or
/// tried it, and that version never failed here. A deadline of the vendor's changes nothing about it: what has passed its deadline
/// waits for people (spec §10.2).
public struct AutomaticDecision: Sendable, Hashable {
  /// A release as this customer has it.
  public struct Candidate: Sendable, Hashable {
    public var id: String
    public var version: String
    public var status: LocalDeploymentStatus
    /// Whether its artifact lies in the bucket, whole and verified.
    public var isDownloaded: Bool
    public var isDeclined: Bool
    /// How often it was tried.
    public var attempts: Int64
    public var isMigrationRequired: Bool
    public var minCurrentVersion: String?

    public init(
      id: String, version: String, status: LocalDeploymentStatus = .pending, isDownloaded: Bool = true,
      isDeclined: Bool = false, attempts: Int64 = 0, isMigrationRequired: Bool = false,
      minCurrentVersion: String? = nil
    ) {
      self.id = id
      self.version = version
      self.status = status
      self.isDownloaded = isDownloaded
      self.isDeclined = isDeclined
      self.attempts = attempts
      self.isMigrationRequired = isMigrationRequired
      self.minCurrentVersion = minCurrentVersion
    }
  }

  public struct Facts: Sendable, Hashable {
    /// What runs, as far as is known.
    public var currentVersion: String?
    /// Whether something is scheduled or being done, or what was done is still watched.
    public var isBusy: Bool
    /// Whether an admin has allowed releases that change data and may take services down.
    public var allowsMigrations: Bool
    public var candidates: [Candidate]
    /// Versions that failed here, or were rolled back.
    public var failedVersions: Set<String>

    public init(
      currentVersion: String?, isBusy: Bool = false, allowsMigrations: Bool = false, candidates: [Candidate],
      failedVersions: Set<String> = []
    ) {
      self.currentVersion = currentVersion
      self.isBusy = isBusy
      self.allowsMigrations = allowsMigrations
      self.candidates = candidates
      self.failedVersions = failedVersions
    }
  }

  /// - Returns: the newest that may be scheduled; nil where there is none, or where it is not known what runs.
  public static func next(_ facts: Facts) -> Candidate? {
    guard !facts.isBusy, let current = facts.currentVersion.flatMap({ SemanticVersion($0) }) else { return nil }
    let fitting = facts.candidates.compactMap { candidate -> (version: SemanticVersion, candidate: Candidate)? in
      guard let version = SemanticVersion(candidate.version), version > current, candidate.status == .pending,
        candidate.isDownloaded, !candidate.isDeclined, candidate.attempts == 0,
        !candidate.isMigrationRequired || facts.allowsMigrations, !facts.failedVersions.contains(candidate.version)
      else { return nil }
      if let text = candidate.minCurrentVersion {
        guard let minimum = SemanticVersion(text), minimum <= current else { return nil }
      }
      return (version, candidate)
    }
    return fitting.max { ($0.version, $0.candidate.id) < ($1.version, $1.candidate.id) }?.candidate
  }
}
