import Cryptography
public import DeploymentKinds
public import ResourceModel
import WireFormats

/// What the annotation `deploy.wrktalk.com/preflight` asks: would this release do well here? A JSON object with `version`, `artifact`
/// (`path`, `sha256`), and as far as the release has them `manifest`, `imageTags`, `configPath` (of the `.env` or values file, where
/// it is another than the spec's) and `requestedAt`, which is echoed.
public struct PreflightRequest: Sendable, Hashable {
  /// The SHA-256 of the annotation's value.
  public var digest: String
  public var version: String
  public var artifact: DesiredDeploymentSpec.Artifact
  public var manifest: String?
  public var imageTags: [String: String]
  public var configPath: String?
  public var requestedAt: String?

  public static let maximumBytes = 512 << 10

  /// Why the annotation's value is no request, for a person.
  public struct Fault: Error, Sendable, Hashable {
    public var message: String
  }

  public static func digest(of annotation: String) -> String {
    SHA256.digest(of: Array(annotation.utf8)).hexadecimal
  }

  /// - Throws: `Fault`.
  public init(annotation: String) throws(Fault) {
    guard annotation.utf8.count <= Self.maximumBytes else {
      throw Fault(message: "it has more than \(Self.maximumBytes >> 10) KiB")
    }
    digest = Self.digest(of: annotation)
    guard let json = try? JSONValue(parsing: Array(annotation.utf8)), let members = json.object else {
      throw Fault(message: "it is not a JSON object such as {\"version\": \"2.3.0\", \"artifact\": {\"path\": …}}")
    }
    func text(_ value: JSONValue?, _ name: String, limit: Int) throws(Fault) -> String? {
      guard let value, !value.isNull else { return nil }
      guard let text = value.string, !text.isEmpty, text.utf8.count <= limit else {
        throw Fault(message: "\(name) must be text of at most \(limit) bytes")
      }
      return text
    }
    let artifact = members["artifact"]
    guard let version = try text(members["version"], "version", limit: 128),
      let path = try text(artifact?["path"], "artifact.path", limit: 1024),
      let sha256 = try text(artifact?["sha256"], "artifact.sha256", limit: 64)
    else { throw Fault(message: "version, artifact.path and artifact.sha256 must be given") }
    self.version = version
    self.artifact = .init(path: path, sha256: sha256.lowercased())
    manifest = try text(members["manifest"], "manifest", limit: Self.maximumBytes)
    configPath = try text(members["configPath"], "configPath", limit: 1024)
    requestedAt = try text(members["requestedAt"], "requestedAt", limit: 64)
    imageTags = [:]
    for (service, tag) in members["imageTags"]?.object ?? [:] {
      imageTags[service] = try text(tag, "imageTags.\(service.prefix(80))", limit: 128)
    }
  }

  public init(
    version: String, artifact: DesiredDeploymentSpec.Artifact, manifest: String? = nil,
    imageTags: [String: String] = [:],
    configPath: String? = nil, requestedAt: String? = nil
  ) {
    self.version = version
    self.artifact = artifact
    self.manifest = manifest
    self.imageTags = imageTags
    self.configPath = configPath
    self.requestedAt = requestedAt
    digest = ""
    digest = Self.digest(of: annotation)
  }

  /// Whether it asks the same, whenever it was made.
  public func asksTheSame(as other: PreflightRequest) -> Bool { question == other.question }

  private var question: PreflightRequest {
    PreflightRequest(
      version: version, artifact: artifact, manifest: manifest, imageTags: imageTags, configPath: configPath)
  }

  /// The value of the annotation that asks so.
  public var annotation: String {
    var json: JSONValue = [
      "version": .string(version), "artifact": ["path": .string(artifact.path), "sha256": .string(artifact.sha256)],
    ]
    json["manifest"] = manifest.map { .string($0) }
    if !imageTags.isEmpty { json["imageTags"] = .object(imageTags.mapValues { .string($0) }) }
    json["configPath"] = configPath.map { .string($0) }
    json["requestedAt"] = requestedAt.map { .string($0) }
    return json.text
  }

  /// The record as it would be with this release, which passes all rules that a record's spec has to.
  /// - Throws: `Fault`, naming the field.
  public func applied(to record: DesiredDeployment) throws(Fault) -> DesiredDeployment {
    var asked = record
    asked.spec.version = version
    asked.spec.artifact = artifact
    asked.spec.manifest = manifest
    asked.spec.imageTags = imageTags.isEmpty ? nil : imageTags
    asked.spec.rollbackTo = nil
    asked.spec.schedule = nil
    asked.spec.newNonEssentialEnvs = nil
    if let configPath {
      switch asked.spec.runtime {
      case .compose: asked.spec.compose?.envPath = configPath
      case .helm: asked.spec.helm?.valuesPath = configPath
      }
    }
    var bare = asked
    bare.status = nil
    guard let json = try? JSONValue(encoding: bare) else { throw Fault(message: "it cannot be written as a record") }
    let problems = DesiredDeploymentKind.definition.validationErrors(in: json)
    guard problems.isEmpty else {
      throw Fault(message: problems.prefix(5).map(\.description).joined(separator: "; "))
    }
    return asked
  }
}
