/// Where the Docker engine listens.
public struct DockerEndpoint: Sendable, Hashable, CustomStringConvertible {
  public var socketPath: String

  public init(socketPath: String) { self.socketPath = socketPath }

  public static let standard = DockerEndpoint(socketPath: "/var/run/docker.sock")

  /// Reads a `DOCKER_HOST`; nil where it names anything but a Unix socket (`unix:///run/docker.sock`).
  public init?(host: String) {
    let scheme = "unix://"
    guard host.hasPrefix(scheme), host.dropFirst(scheme.count).first == "/" else { return nil }
    socketPath = String(host.dropFirst(scheme.count))
  }

  public var description: String { "unix://\(socketPath)" }
}
