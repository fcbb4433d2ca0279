/// What an environment runs at one moment, as its engine or cluster says it.
public enum EnvironmentObservation: Sendable, Hashable {
  /// The containers of a Compose project, and where its folder on the host is not as the release left it.
  case compose([Container], files: [FileDifference] = [])
  case helm(HelmObservation)

  /// How a file or folder that the release brought differs from what it brought.
  public struct FileDifference: Sendable, Hashable {
    public enum Change: Sendable, Hashable {
      case missing
      case changed
      /// Something of another kind, such as the empty folder that the engine makes where it misses a file.
      case replaced
      /// It is not known what was brought.
      case unknown
    }

    /// On the host.
    public var path: String
    public var change: Change

    public init(path: String, change: Change) {
      self.path = path
      self.change = change
    }
  }

  public struct Container: Sendable, Hashable {
    public enum State: Sendable, Hashable {
      case running
      case created
      case restarting
      case paused
      case exited(code: Int)
      case dead
    }

    public enum Health: Sendable, Hashable {
      /// The image or service declares no health check.
      case none
      case starting
      case healthy
      case unhealthy
    }

    public var service: String
    public var name: String
    public var id: String
    public var state: State
    public var health: Health
    /// The image reference it was created from.
    public var image: String
    /// The engine's id of the image (`sha256:…`).
    public var imageID: String
    /// Compose's hash of the service's configuration; empty where the container carries none.
    public var configHash: String
    /// True for a container of `docker compose run`, which no service owns.
    public var isOneOff: Bool
    /// Limits, restart policy and networks, as `DesiredDeploymentStatus.Service` has them; nil where they were not read.
    public var settings: [String: String]?

    public init(
      service: String, name: String, id: String, state: State, health: Health, image: String, imageID: String,
      configHash: String, isOneOff: Bool = false, settings: [String: String]? = nil
    ) {
      self.service = service
      self.name = name
      self.id = id
      self.state = state
      self.health = health
      self.image = image
      self.imageID = imageID
      self.configHash = configHash
      self.isOneOff = isOneOff
      self.settings = settings
    }
  }
}
