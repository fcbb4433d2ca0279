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
  }

  var revision: HelmObservation.Revision
  /// What Helm says of how it came about or why it failed.
  var description: String
  /// YAML documents: every object of the release but its hooks.
  var manifest: String
  var hooks: [Hook]
  /// All of it, for writing it again.
  private var json: JSONValue

  /// No release is larger: a Secret holds 1 MiB, and manifests are text.
  static let maximumByteCount = 64 << 20

  /// The Secret of a revision.
  static func secretName(release: String, revision: Int64) -> String { "sh.helm.release.v1.\(release).v\(revision)" }

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
      throw HelmRecordError(message: error.message)
    }
    guard let json = try? JSONValue(parsing: bytes) else { throw HelmRecordError(message: "its release is no JSON") }
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
        events: (hook["events"]?.array ?? []).compactMap(\.string))
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
}
