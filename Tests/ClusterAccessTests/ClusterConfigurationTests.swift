import ClusterAccess
import HTTPTransport
import ProgramConfiguration
import ResourceClient
import Testing

@Suite struct ClusterConfigurationTests {
  private static let account = "/var/run/secrets/kubernetes.io/serviceaccount"
  private static let pod = ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"]
  private static let mounted = [
    "\(account)/token": "t", "\(account)/ca.crt": "-----BEGIN CERTIFICATE-----", "\(account)/namespace": "shop\n",
  ]

  private static func kubeconfig(_ server: String) -> String {
    """
    current-context: here
    contexts: [{name: here, context: {cluster: c}}]
    clusters: [{name: c, cluster: {server: "https://\(server)"}}]
    """
  }

  private func find(
    _ files: [String: String], _ environment: [String: String] = [:], kubeconfig: String? = nil
  ) throws -> ClusterConfiguration {
    try ClusterConfiguration(kubeconfig: kubeconfig, environment: environment) { files[$0] }
  }

  @Test func theFirstPlaceThatSaysSomethingCounts() throws {
    var files = Self.mounted
    files["/explicit"] = Self.kubeconfig("explicit")
    files["/variable"] = Self.kubeconfig("variable")
    files["/root/.kube/config"] = Self.kubeconfig("home")
    var environment = Self.pod
    environment["HOME"] = "/root"
    environment["KUBECONFIG"] = "/variable"
    #expect(try find(files, environment, kubeconfig: "/explicit").endpoint.baseURL == "https://explicit")
    #expect(try find(files, environment).endpoint.baseURL == "https://variable")
    environment["KUBECONFIG"] = nil
    #expect(try find(files, environment).endpoint.baseURL == "https://10.96.0.1:443")
    files["\(Self.account)/token"] = nil
    let home = try find(files, environment)
    #expect(home.endpoint.baseURL == "https://home")
    #expect(home.source == "the context here of /root/.kube/config")
    #expect(home.kubeconfigPath == "/root/.kube/config")
    #expect(home.context == "here")
  }

  @Test func aPodUsesItsServiceAccount() throws {
    let found = try find(Self.mounted, Self.pod)
    #expect(found.namespace == "shop")
    #expect(found.endpoint.token == .file(path: "\(Self.account)/token"))
    #expect(found.endpoint.tls.certificateAuthorityFile == "\(Self.account)/ca.crt")
    #expect(found.kubeconfigPath == nil)
    #expect(found.source == "the service account of this pod")
  }

  @Test func anAddressOfIPv6StandsInBrackets() throws {
    let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
    #expect(try find(Self.mounted, environment).endpoint.baseURL == "https://[fd00::1]:443")
  }

  @Test func severalKubeconfigsAreMergedAndTheFirstWins() throws {
    let files = [
      "/a": """
      users: [{name: u, user: {token: first}}]
      contexts: [{name: here, context: {cluster: c, user: u, namespace: shop}}]
      """,
      "/b": """
      current-context: here
      users: [{name: u, user: {token: second}}]
      clusters: [{name: c, cluster: {server: "https://b"}}]
      """,
    ]
    let found = try find(files, ["KUBECONFIG": "/a:/missing:/b"])
    #expect(found.endpoint.baseURL == "https://b")
    #expect(found.endpoint.token == .fixed("first"))
    #expect(found.namespace == "shop")
    #expect(found.kubeconfigPath == "/a:/b")
  }

  @Test(arguments: [
    (nil, ["HOME": "/root"], "no cluster is configured: set KUBECONFIG"),
    (nil, ["KUBECONFIG": "/x:/y"], "KUBECONFIG /x, /y cannot be read"),
    ("/x", ["KUBECONFIG": "/y"], "the kubeconfig /x cannot be read"),
    (nil, ["KUBERNETES_SERVICE_HOST": "10.96.0.1"], "no cluster is configured"),
  ])
  func whatIsMissingIsToldWithWhatToDo(kubeconfig: String?, environment: [String: String], message: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try find([:], environment, kubeconfig: kubeconfig)
    }
    #expect(error?.description.contains(message) == true)
  }
}
