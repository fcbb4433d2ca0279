public import FleetPlanning
public import ReleaseManifest

/// What a release is deployed from: a chart or a bundle (spec §3.1).
public enum ArtifactType: String, Sendable, Hashable, CaseIterable, Comparable {
  case helm
  case compose

  /// As messages call it.
  public var name: String {
    switch self {
    case .helm: "Helm chart"
    case .compose: "Compose bundle"
    }
  }

  public var runtime: Manifest.Runtime {
    switch self {
    case .helm: .helm
    case .compose: .compose
    }
  }

  public static func < (left: ArtifactType, right: ArtifactType) -> Bool { left.rawValue < right.rawValue }
}

/// One artifact: there is at most one of a version and type.
public struct ArtifactKey: Sendable, Hashable {
  public var version: ReleaseVersion
  public var type: ArtifactType

  public init(version: ReleaseVersion, type: ArtifactType) {
    self.version = version
    self.type = type
  }

  /// Begins the paths of all artifacts.
  public static let prefix = "charts/"

  /// The object's key, as the specification names it (spec §3.1).
  public var bucketPath: String {
    switch type {
    case .helm: "charts/helm/wrktalk-\(version).tgz"
    case .compose: "charts/compose/wrktalk-\(version)-compose.tar.gz"
    }
  }

  /// Nil for objects that are not artifacts.
  public init?(bucketPath: String) {
    for type in ArtifactType.allCases {
      let (start, end) =
        switch type {
        case .helm: ("charts/helm/wrktalk-", ".tgz")
        case .compose: ("charts/compose/wrktalk-", "-compose.tar.gz")
        }
      guard bucketPath.hasPrefix(start), bucketPath.hasSuffix(end),
        bucketPath.utf8.count > start.utf8.count + end.utf8.count,
        let version = try? ReleaseVersion(String(bucketPath.dropFirst(start.count).dropLast(end.count)))
      else { continue }
      self.init(version: version, type: type)
      if self.bucketPath == bucketPath { return }
    }
    return nil
  }
}
