public import ResourceModel
public import WireFormats

/// A version of the product, as it is offered to customers. Its name is the version.
public typealias Release = Resource<ReleaseKind>

public enum ReleaseState: String, ColumnWord, Codable {
  case draft = "Draft"
  case published = "Published"
  case deprecated = "Deprecated"
}

public struct ReleaseSpec: Sendable, Hashable, Codable {
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
  }

  public struct Artifacts: Sendable, Hashable, Codable {
    /// 64 lower-case hexadecimal digits.
    public var helmSha256: String?
    /// 64 lower-case hexadecimal digits.
    public var composeSha256: String?

    public init(helmSha256: String? = nil, composeSha256: String? = nil) {
      self.helmSha256 = helmSha256
      self.composeSha256 = composeSha256
    }
  }

  public struct Setting: Sendable, Hashable, Codable {
    public var key: String
    public var value: String

    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  public var state: ReleaseState
  /// True: offered to nobody any more, and every rollout of it is halted.
  public var withdrawn: Bool
  public var releaseNotes: String?
  public var imageTags: ImageTags
  public var artifacts: Artifacts?
  public var isForced: Bool
  public var isMigrationRequired: Bool
  /// In words, such as `10 minutes`.
  public var estimatedDowntime: String?
  /// A customer that runs an older version is not offered this one.
  public var minCurrentVersion: String?
  public var newNonEssentialEnvs: [Setting]?
  /// The vendor's signed release manifest, as it came.
  public var manifest: String?

  public init(
    state: ReleaseState = .draft, withdrawn: Bool = false, releaseNotes: String? = nil,
    imageTags: ImageTags = ImageTags(), artifacts: Artifacts? = nil, isForced: Bool = false,
    isMigrationRequired: Bool = false, estimatedDowntime: String? = nil, minCurrentVersion: String? = nil,
    newNonEssentialEnvs: [Setting]? = nil, manifest: String? = nil
  ) {
    self.state = state
    self.withdrawn = withdrawn
    self.releaseNotes = releaseNotes
    self.imageTags = imageTags
    self.artifacts = artifacts
    self.isForced = isForced
    self.isMigrationRequired = isMigrationRequired
    self.estimatedDowntime = estimatedDowntime
    self.minCurrentVersion = minCurrentVersion
    self.newNonEssentialEnvs = newNonEssentialEnvs
    self.manifest = manifest
  }
}

extension ReleaseSpec {
  /// The deployment types that there is an artifact for.
  public var deploymentTypes: Set<DeploymentType> {
    func isThere(_ digest: String?) -> Bool { digest?.isEmpty == false }
    return Set(
      [(DeploymentType.kubernetes, artifacts?.helmSha256), (.docker, artifacts?.composeSha256)]
        .filter { isThere($0.1) }.map(\.0))
  }
}

extension ReleaseSpec.ImageTags {
  /// A tag that is empty is left out where it is kept.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func tag(_ key: CodingKeys) throws -> String { try container.decodeIfPresent(String.self, forKey: key) ?? "" }
    self.init(
      backend: try tag(.backend), media: try tag(.media), controlTower: try tag(.controlTower), agent: try tag(.agent))
  }
}

extension ReleaseSpec {
  /// What has a default may be missing.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func value<Value: Decodable>(_ key: CodingKeys, _ type: Value.Type = Value.self) throws -> Value? {
      try container.decodeIfPresent(type, forKey: key)
    }
    self.init(
      state: try value(.state) ?? .draft, withdrawn: try value(.withdrawn) ?? false,
      releaseNotes: try value(.releaseNotes), imageTags: try value(.imageTags) ?? ImageTags(),
      artifacts: try value(.artifacts), isForced: try value(.isForced) ?? false,
      isMigrationRequired: try value(.isMigrationRequired) ?? false,
      estimatedDowntime: try value(.estimatedDowntime), minCurrentVersion: try value(.minCurrentVersion),
      newNonEssentialEnvs: try value(.newNonEssentialEnvs), manifest: try value(.manifest))
  }
}

public struct ReleaseStatus: Sendable, Hashable, Codable {
  public var publishedAt: Timestamp?
  public var createdBy: String?
  public var conditions: [Condition]?

  public init(publishedAt: Timestamp? = nil, createdBy: String? = nil, conditions: [Condition]? = nil) {
    self.publishedAt = publishedAt
    self.createdBy = createdBy
    self.conditions = conditions
  }
}
