import Archives
import Cryptography
import DeploymentPlanning
import WireFormats

/// One revision of a release, as Helm keeps it in a Secret of the release's namespace: JSON, compressed with gzip, twice
/// in base64.
struct HelmReleaseRecord: Sendable {
  struct Hook: Sendable, Hashable {
    var kind: String
    var name: String
    /// `pre-upgrade`, `post-install`, …
    var events: [String]
    /// The object as YAML.
    var manifest = ""
  }

  var revision: HelmObservation.Revision
  /// What Helm says of how it came about or why it failed.
  var description: String
  /// YAML documents: every object of the release but its hooks.
  var manifest: String
  var hooks: [Hook]
  /// All of it, for writing it again.
  private var json: JSONValue

  /// How much a release may be once it is decompressed: chart, values and manifest.
  static let maximumByteCount = 64 << 20

  /// The Secret of a revision.
  static func secretName(release: String, revision: Int64) -> String { "sh.helm.release.v1.\(release).v\(revision)" }

  /// How Helm describes a revision that a rollback made.
  static func rollbackDescription(of revision: Int64) -> String { "Rollback to \(revision)" }

  /// How the Agent describes a revision whose helm was killed.
  static func interruptedDescription(_ status: HelmObservation.Status) -> String {
    "wrktalk-agent: the \(status.rawValue) of this revision was interrupted"
  }

  /// How the Agent describes a revision whose helm ended without writing down how.
  static func unfinishedDescription(_ status: HelmObservation.Status) -> String {
    "wrktalk-agent: helm ended and left this revision \(status.rawValue)"
  }

  /// True for a revision that never was what ran, also once Helm calls it superseded, as it does when a rollback fails.
  var neverDeployed: Bool {
    switch revision.status {
    case .deployed, .uninstalled: false
    case .superseded:
      description.contains(" failed: ") || description.hasPrefix("wrktalk-agent: the ")
        || description.hasPrefix("wrktalk-agent: helm ended ")
    case .unknown, .failed, .uninstalling, .pendingInstall, .pendingUpgrade, .pendingRollback: true
    }
  }

  /// True where Helm came to an end with this revision, and that was none; false where it was killed in its midst.
  var hasFailed: Bool { revision.status == .failed && !description.hasSuffix(" was interrupted") }

  /// - Throws: where the Secret does not hold what Helm 3 or 4 writes.
  init(secret: JSONValue) throws(HelmRecordError) {
    guard let outer = secret["data"]?["release"]?.string.flatMap({ Base64.decode($0) }),
      let packed = Base64.decode(String(decoding: outer, as: UTF8.self))
    else { throw HelmRecordError(message: "it has no release in base64") }
    let bytes: [UInt8]
    do throws(ArchiveError) {
      // Helm reads releases of before it compressed them, too.
      bytes = packed.starts(with: [0x1F, 0x8B]) ? try Gzip.decompress(packed, limit: Self.maximumByteCount) : packed
    } catch {
      throw HelmRecordError(message: error.message, isTooLarge: error.code == .tooLarge)
    }
    guard let json = try? JSONValue(parsing: bytes) else {
      throw HelmRecordError(message: "its release is not valid JSON")
    }
    try self.init(json: json)
  }

  init(json: JSONValue) throws(HelmRecordError) {
    guard let number = json["version"]?.integer, let status = json["info"]?["status"]?.string else {
      throw HelmRecordError(message: "its release has no version or no status")
    }
    self.json = json
    manifest = json["manifest"]?.string ?? ""
    revision = HelmObservation.Revision(
      number: number, status: HelmObservation.Status(rawValue: status) ?? .unknown,
      version: json["chart"]?["metadata"]?["version"]?.string ?? "",
      manifestSha256: SHA256.digest(of: Array(manifest.utf8)).hexadecimal)
    description = json["info"]?["description"]?.string ?? ""
    hooks = (json["hooks"]?.array ?? []).map { hook in
      Hook(
        kind: hook["kind"]?.string ?? "", name: hook["name"]?.string ?? "",
        events: (hook["events"]?.array ?? []).compactMap(\.string),
        manifest: hook["manifest"]?.string ?? "")
    }
  }

  /// The Secret with this revision in another status; `failed` makes Helm let go of it.
  func marked(
    _ status: HelmObservation.Status, _ reason: String, in secret: JSONValue
  ) throws(HelmRecordError) -> JSONValue {
    var json = json
    json["info"]?["status"] = .string(status.rawValue)
    json["info"]?["description"] = .string(reason)
    let packed: [UInt8]
    do throws(ArchiveError) {
      packed = try Gzip.compress(json.serialized())
    } catch {
      throw HelmRecordError(message: error.message)
    }
    var changed = secret
    changed["data"]?["release"] = .string(Base64.encode(Array(Base64.encode(packed).utf8)))
    changed["metadata"]?["labels"]?["status"] = .string(status.rawValue)
    return changed
  }
}

/// Why a Secret cannot be read as a release; names nothing of its content.
struct HelmRecordError: Error, Sendable, Hashable {
  var message: String
  /// True for one that Helm reads, but the Agent does not.
  var isTooLarge = false
}
