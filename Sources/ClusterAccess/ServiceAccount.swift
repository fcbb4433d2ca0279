import HTTPTransport
import ResourceClient

/// The access that Kubernetes gives a pod.
struct ServiceAccount {
  static let folder = "/var/run/secrets/kubernetes.io/serviceaccount"

  let configuration: ClusterConfiguration

  /// Nil outside of a pod, and in one whose token is not mounted.
  init?(environment: [String: String], readFile: (String) -> String?) {
    guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
      let port = environment["KUBERNETES_SERVICE_PORT"], !port.isEmpty, readFile("\(Self.folder)/token") != nil
    else { return nil }
    let authority = host.contains(":") ? "[\(host)]" : host
    let certificates = "\(Self.folder)/ca.crt"
    // The token is rotated, so it is read anew for every request; the authorities are for every connection.
    let endpoint = APIEndpoint(
      "https://\(authority):\(port)", token: .file(path: "\(Self.folder)/token"),
      tls: TLSSettings(certificateAuthorityFile: readFile(certificates) == nil ? nil : certificates))
    var namespace = readFile("\(Self.folder)/namespace")?[...] ?? ""
    while namespace.last?.isWhitespace == true { namespace.removeLast() }
    configuration = ClusterConfiguration(
      endpoint: endpoint, namespace: namespace.isEmpty ? nil : String(namespace),
      source: "the service account of this pod")
  }
}
