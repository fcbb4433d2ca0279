import Cryptography
public import WireFormats

/// What the vendor says of one release, and signs: all that may run, and nothing else.
public struct Manifest: Sendable, Hashable {
  public enum Runtime: String, Sendable, Hashable, CaseIterable {
    case helm = "Helm"
    case compose = "Compose"
  }

  /// A chart or bundle.
  public struct Artifact: Sendable, Hashable {
    public var runtime: Runtime
    /// 64 hexadecimal digits.
    public var sha256: String
    /// Bytes.
    public var size: Int64

    public init(runtime: Runtime, sha256: String, size: Int64) {
      self.runtime = runtime
      self.sha256 = sha256
      self.size = size
    }
  }

  /// An image that the release may run.
  public struct Image: Sendable, Hashable {
    /// The Compose service, or the container of a pod, that runs it; one of several may be named.
    public var service: String
    /// With the registry, as in `registry.example.com/wrktalk/backend`. A customer's mirror may stand in the registry's place:
    /// what counts is the digest.
    public var repository: String
    /// `sha256:…`, of the image or of the index of its platforms.
    public var digest: String
    /// Of the platforms' images and their configurations, under which an engine may know the image.
    public var contentDigests: [String]
    /// The chart's value that takes the digest, such as `backend.image.digest`; nil where the chart takes none.
    public var digestValue: String?

    public init(
      service: String, repository: String, digest: String, contentDigests: [String] = [], digestValue: String? = nil
    ) {
      self.service = service
      self.repository = repository
      self.digest = digest
      self.contentDigests = contentDigests
      self.digestValue = digestValue
    }

    /// True where an engine that runs `digest` runs this image.
    public func covers(_ digest: String) -> Bool { digest == self.digest || contentDigests.contains(digest) }
  }

  /// A setting that the release brings, with its default.
  public struct Setting: Sendable, Hashable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  /// How customers may take the release (spec §3.3).
  public struct Ruleset: Sendable, Hashable {
    /// Whether customers must take it.
    public var forced: Bool
    /// Whether it changes data in a way that the former version cannot read.
    public var migration: Bool
    /// The oldest version that may be upgraded directly, by Semantic Versioning.
    public var minimumVersion: String?

    public init(forced: Bool = false, migration: Bool = false, minimumVersion: String? = nil) {
      self.forced = forced
      self.migration = migration
      self.minimumVersion = minimumVersion
    }
  }

  public var product: String
  public var version: String
  /// Grows with every release; an Agent goes only upwards.
  public var sequence: Int64
  /// Releases below are withdrawn: nobody returns to them.
  public var minimumSequence: Int64
  public var issuedAt: Timestamp
  /// After this moment nobody begins to deploy it. What runs goes on running.
  public var expires: Timestamp
  public var artifacts: [Artifact]
  public var images: [Image]
  /// Service to tag.
  public var imageTags: [String: String]
  public var settings: [Setting]
  public var ruleset: Ruleset

  public static let maximumSequence: Int64 = 1 << 53

  public init(
    product: String, version: String, sequence: Int64, minimumSequence: Int64 = 0, issuedAt: Timestamp,
    expires: Timestamp, artifacts: [Artifact], images: [Image] = [], imageTags: [String: String] = [:],
    settings: [Setting] = [], ruleset: Ruleset = Ruleset()
  ) {
    self.product = product
    self.version = version
    self.sequence = sequence
    self.minimumSequence = minimumSequence
    self.issuedAt = issuedAt
    self.expires = expires
    self.artifacts = artifacts
    self.images = images
    self.imageTags = imageTags
    self.settings = settings
    self.ruleset = ruleset
  }

  /// Reads a payload whose signatures were checked, or that a person is about to sign.
  /// - Throws: `malformed`, naming the field.
  public init(payload: [UInt8]) throws(TrustError) {
    let value: JSONValue
    do throws(JSONParseError) {
      value = try JSONValue(parsing: payload, maximumDepth: 8, maximumNodeCount: 50_000)
    } catch {
      throw TrustError(.malformed, "the release manifest is not valid JSON: \(error)")
    }
    var reader = PayloadReader(value)
    product = reader.string("product", 1...100)
    version = reader.string("version", 1...128)
    sequence = reader.integer("sequence", 1...Self.maximumSequence)
    minimumSequence = reader.integer("minimumSequence", 0...Self.maximumSequence, default: 0)
    issuedAt = reader.time("issuedAt")
    expires = reader.time("expires")
    artifacts = reader.objects("artifacts", 1...2) { artifact in
      let name = artifact.string("runtime", 1...20)
      let runtime = Runtime(rawValue: name)
      if runtime == nil { artifact.refuse("runtime", "must be Helm or Compose") }
      return Artifact(
        runtime: runtime ?? .helm, sha256: artifact.string("sha256", 1...100, .sha256),
        size: artifact.integer("size", 1...Self.maximumSequence))
    }
    images = reader.objects("images", 0...500) { image in
      Image(
        service: image.string("service", 1...100, .service),
        repository: image.string("repository", 1...255, .repository),
        digest: image.string("digest", 1...100, .imageDigest),
        contentDigests: image.strings("contentDigests", 0...64, .imageDigest),
        digestValue: image.optionalString("digestValue", 1...200, .chartValue))
    }
    imageTags = reader.texts("imageTags", 0...200, keys: .service, values: .tag)
    settings = reader.objects("settings", 0...1000) { setting in
      Setting(key: setting.string("key", 1...256, .environmentVariable), value: setting.string("value", 0...(32 << 10)))
    }
    ruleset =
      reader.optionalObject("ruleset") { rules in
        Ruleset(
          forced: rules.bool("forced", default: false), migration: rules.bool("migration", default: false),
          minimumVersion: rules.optionalString("minimumVersion", 1...128))
      } ?? Ruleset()
    if let version = ruleset.minimumVersion, SemanticVersion(version) == nil {
      reader.refuse("ruleset.minimumVersion", "must be a semantic version such as 2.1.0")
    }
    if minimumSequence > sequence { reader.refuse("minimumSequence", "must not be above sequence") }
    if expires <= issuedAt { reader.refuse("expires", "must be after issuedAt") }
    if Set(artifacts.map(\.runtime)).count != artifacts.count {
      reader.refuse("artifacts", "must name each runtime once")
    }
    if Set(settings.map(\.key)).count != settings.count { reader.refuse("settings", "must name each key once") }
    try reader.finish("the release manifest")
  }

  /// What is signed: JSON with sorted keys, for people indented.
  public var payload: [UInt8] {
    var value: JSONValue = [
      "product": .string(product), "version": .string(version), "sequence": .integer(sequence),
      "minimumSequence": .integer(minimumSequence), "issuedAt": .string(issuedAt.description),
      "expires": .string(expires.description),
      "artifacts": .array(
        artifacts.map {
          ["runtime": .string($0.runtime.rawValue), "sha256": .string($0.sha256), "size": .integer($0.size)]
        }),
      "images": .array(images.map(\.json)),
      "imageTags": .object(imageTags.mapValues { .string($0) }),
      "settings": .array(settings.map { ["key": .string($0.key), "value": .string($0.value)] }),
    ]
    if ruleset != Ruleset() {
      var rules: JSONValue = ["forced": .bool(ruleset.forced), "migration": .bool(ruleset.migration)]
      rules["minimumVersion"] = ruleset.minimumVersion.map { .string($0) }
      value["ruleset"] = rules
    }
    return value.serialized(indented: true)
  }

  public func artifact(for runtime: Runtime) -> Artifact? { artifacts.first { $0.runtime == runtime } }
}

extension Manifest.Image {
  fileprivate var json: JSONValue {
    var value: JSONValue = [
      "service": .string(service), "repository": .string(repository), "digest": .string(digest),
    ]
    if !contentDigests.isEmpty { value["contentDigests"] = .array(contentDigests.map { .string($0) }) }
    if let digestValue { value["digestValue"] = .string(digestValue) }
    return value
  }
}
