import ProgramConfiguration
import ResourceClient
import WireFormats

extension Kubeconfig {
  /// What the current context means.
  /// - Parameter paths: the files that were merged.
  func configuration(
    paths: [String], readFile: (String) -> String?
  ) throws(ConfigurationError) -> ClusterConfiguration {
    let files = paths.joined(separator: ", ")
    guard let currentContext else {
      throw ConfigurationError(
        "\(files) has no current-context: choose one with kubectl config use-context")
    }
    guard let context = contexts[currentContext.name] else {
      throw ConfigurationError("there is no context \"\(currentContext.name)\"", at: currentContext.location)
    }
    guard let clusterName = try context.text("cluster") else { throw context.failure("cluster", "is missing") }
    guard let cluster = clusters[clusterName] else {
      throw context.failure("cluster", "names \"\(clusterName)\", which no file defines")
    }
    var endpoint = try cluster.endpoint(readFile: readFile)
    if let userName = try context.text("user") {
      guard let user = users[userName] else {
        throw context.failure("user", "names \"\(userName)\", which no file defines")
      }
      try user.prove(&endpoint, readFile: readFile)
    }
    return ClusterConfiguration(
      endpoint: endpoint, namespace: try context.text("namespace"), source: "the context \(context.name) of \(files)",
      kubeconfigPath: paths.joined(separator: ":"), context: context.name)
  }
}
