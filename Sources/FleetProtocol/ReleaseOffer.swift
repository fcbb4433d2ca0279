public import WireFormats

/// What a customer is offered: the body of the webhook (spec §5.2), and the answer to who asks for updates.
public struct ReleaseOffer: Sendable, Hashable {
  public static let eventType = "release.published"

  /// A setting that the release brings, with its default.
  public struct Setting: Sendable, Hashable, Codable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  public struct ImageTags: Sendable, Hashable, Codable {
    public var backend: String
    public var media: String
    public var controlTower: String
    public var agent: String

    public init(backend: String = "", media: String = "", controlTower: String = "", agent: String = "") {
      self.backend = backend
      self.media = media
      self.controlTower = controlTower
      self.agent = agent
    }

    /// By the names that the specification gives the services (spec §5.2); without those that have no tag.
    public var byService: [String: String] {
      ["backend": backend, "media": media, "controlTower": controlTower, "agent": agent].filter { !$0.value.isEmpty }
    }
  }

  /// Of the release's row.
  public var releaseID: String
  public var version: String
  /// 64 hexadecimal digits; nil where there is no chart.
  public var chartSha256: String?
  /// 64 hexadecimal digits; nil where there is no bundle.
  public var composeSha256: String?
  public var imageTags: ImageTags
  public var newNonEssentialEnvs: [Setting]
  public var isForced: Bool
  public var isMigrationRequired: Bool
  public var estimatedDowntime: String?
  public var minCurrentVersion: String?
  public var releaseNotes: String?
  /// The vendor's signed release manifest, as it came.
  public var manifest: String?

  public init(
    releaseID: String, version: String, chartSha256: String? = nil, composeSha256: String? = nil,
    imageTags: ImageTags = ImageTags(), newNonEssentialEnvs: [Setting] = [], isForced: Bool = false,
    isMigrationRequired: Bool = false, estimatedDowntime: String? = nil, minCurrentVersion: String? = nil,
    releaseNotes: String? = nil, manifest: String? = nil
  ) {
    self.releaseID = releaseID
    self.version = version
    self.chartSha256 = chartSha256
    self.composeSha256 = composeSha256
    self.imageTags = imageTags
    self.newNonEssentialEnvs = newNonEssentialEnvs
    self.isForced = isForced
    self.isMigrationRequired = isMigrationRequired
    self.estimatedDowntime = estimatedDowntime
    self.minCurrentVersion = minCurrentVersion
    self.releaseNotes = releaseNotes
    self.manifest = manifest
  }

  public var json: JSONValue {
    func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    var release: JSONValue = [
      "id": .string(releaseID), "version": .string(version), "chartVersion": .string(version),
      "chartSha256": optional(chartSha256),
      "imageTags": [
        "backend": .string(imageTags.backend), "media": .string(imageTags.media),
        "controlTower": .string(imageTags.controlTower), "agent": .string(imageTags.agent),
      ],
      "newNonEssentialEnvs": .array(
        newNonEssentialEnvs.map { ["key": .string($0.key), "value": .string($0.value)] }),
    ]
    if let composeSha256 { release["composeSha256"] = .string(composeSha256) }
    if let manifest { release["manifest"] = .string(manifest) }
    var ruleset: JSONValue = [
      "isForced": .bool(isForced), "isMigrationRequired": .bool(isMigrationRequired),
      "estimatedDowntime": optional(estimatedDowntime), "releaseNotes": optional(releaseNotes),
    ]
    if let minCurrentVersion { ruleset["minCurrentVersion"] = .string(minCurrentVersion) }
    return ["eventType": .string(Self.eventType), "release": release, "ruleset": ruleset]
  }

  /// What is signed and sent.
  public var body: [UInt8] { json.serialized() }

  /// The answer where there is nothing to offer.
  public static let nothing: JSONValue = ["eventType": "none"]

  /// - Returns: nil where nothing is offered.
  /// - Throws: `ProtocolError`, naming the field.
  public static func reading(_ body: JSONValue) throws(ProtocolError) -> ReleaseOffer? {
    let reader = try ProtocolReader(body)
    switch try reader.requiredText("eventType") {
    case eventType: break
    case "none": return nil
    case let other: throw ProtocolError("eventType: \(other.prefix(80)) is not known here")
    }
    guard let release = try reader.object("release") else { throw ProtocolError("release: is missing") }
    let rules = try reader.object("ruleset")
    let tags = try release.object("imageTags")
    var offer = ReleaseOffer(
      releaseID: try release.requiredText("id"), version: try release.requiredText("version"))
    offer.chartSha256 = try release.text("chartSha256")
    offer.composeSha256 = try release.text("composeSha256")
    offer.manifest = try release.text("manifest", maximumBytes: 256 << 10)
    if let tags {
      offer.imageTags = ImageTags(
        backend: try tags.text("backend") ?? "", media: try tags.text("media") ?? "",
        controlTower: try tags.text("controlTower") ?? "", agent: try tags.text("agent") ?? "")
    }
    for setting in try release.array("newNonEssentialEnvs", maximumCount: 1000) {
      let setting = try ProtocolReader(setting)
      offer.newNonEssentialEnvs.append(
        Setting(
          key: try setting.requiredText("key"), value: try setting.text("value", maximumBytes: 32 << 10) ?? ""))
    }
    if let rules {
      offer.isForced = try rules.bool("isForced") ?? false
      offer.isMigrationRequired = try rules.bool("isMigrationRequired") ?? false
      offer.estimatedDowntime = try rules.text("estimatedDowntime")
      offer.minCurrentVersion = try rules.text("minCurrentVersion")
      offer.releaseNotes = try rules.text("releaseNotes", maximumBytes: 256 << 10)
    }
    return offer
  }
}
