public import ProgramConfiguration
public import ResourceClient

/// How a Kubernetes cluster is reached, found the way client-go finds it.
public struct ClusterConfiguration: Sendable {
  /// The API server, and the credentials.
  public var endpoint: APIEndpoint
  /// Of the kubeconfig's context, or of the service account; nil where neither names one.
  public var namespace: String?
  /// Where this comes from, for logs: `the service account of this pod`.
  public var source: String
  /// What `KUBECONFIG` must be for a child process that needs the same access: one path or several. Nil for the service
  /// account, which a child process finds by itself where there is no kubeconfig.
  public var kubeconfigPath: String?
  /// Of that kubeconfig.
  public var context: String?

  public init(
    endpoint: APIEndpoint, namespace: String? = nil, source: String, kubeconfigPath: String? = nil,
    context: String? = nil
  ) {
    self.endpoint = endpoint
    self.namespace = namespace
    self.source = source
    self.kubeconfigPath = kubeconfigPath
    self.context = context
  }

  /// Finds the first there is: the kubeconfig at `kubeconfig`; those that `KUBECONFIG` names; the service account of the
  /// pod that this runs in; `~/.kube/config`.
  ///
  /// - Parameters:
  ///   - kubeconfig: an explicit path; it must be readable.
  ///   - environment: variables by name.
  ///   - readFile: gives the text of a file, or nil where it cannot be read.
  public init(
    kubeconfig: String? = nil, environment: [String: String], readFile: (String) -> String?
  ) throws(ConfigurationError) {
    if let kubeconfig {
      self = try Self.read(kubeconfigs: [kubeconfig], whose: "the kubeconfig", readFile)
    } else if let list = environment["KUBECONFIG"], !list.isEmpty {
      let paths = list.split(separator: ":").map(String.init)
      self = try Self.read(kubeconfigs: paths, whose: "KUBECONFIG", readFile)
    } else if let account = ServiceAccount(environment: environment, readFile: readFile) {
      self = account.configuration
    } else if let home = environment["HOME"], !home.isEmpty, readFile("\(home)/.kube/config") != nil {
      self = try Self.read(kubeconfigs: ["\(home)/.kube/config"], whose: "the kubeconfig", readFile)
    } else {
      throw ConfigurationError(
        "no cluster is configured: set KUBECONFIG to the path of a kubeconfig, or run in a pod with a service account")
    }
  }

  /// Files that are not there are passed over, as long as there is one.
  private static func read(
    kubeconfigs paths: [String], whose name: String, _ readFile: (String) -> String?
  ) throws(ConfigurationError) -> ClusterConfiguration {
    var merged = Kubeconfig()
    var found: [String] = []
    for path in paths {
      guard let text = readFile(path) else { continue }
      try merged.merge(text, path: path)
      found.append(path)
    }
    guard !found.isEmpty else {
      throw ConfigurationError(
        "\(name) \(paths.joined(separator: ", ")) cannot be read: check that it exists and who may read it")
    }
    return try merged.configuration(paths: found, readFile: readFile)
  }
}
