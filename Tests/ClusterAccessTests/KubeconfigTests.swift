import ClusterAccess
import Cryptography
import HTTPTransport
import ProgramConfiguration
import ResourceClient
import Testing
import YAMLDocuments

@Suite struct KubeconfigTests {
  private static let pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
  private static let data = Base64.encode(Array(pem.utf8))
  /// What the files beside the kubeconfig hold.
  private static let files = [
    "/etc/kube/pki/a.pem": pem, "/etc/kube/text": "no certificate", "/etc/kube/token": "from a file",
  ]

  /// A kubeconfig whose cluster and user have these fields.
  private func configuration(
    cluster: String = #"server: "https://api:6443""#, user: String = "token: t"
  ) throws -> ClusterConfiguration {
    let text = """
      apiVersion: v1
      kind: Config
      current-context: here
      contexts:
      - {name: here, context: {cluster: c, user: jane}}
      clusters:
      - name: c
        cluster: {\(cluster)}
      users:
      - name: jane
        user: {\(user)}
      """
    var files = Self.files
    files["/etc/kube/config"] = text
    return try ClusterConfiguration(kubeconfig: "/etc/kube/config", environment: [:]) { files[$0] }
  }

  @Test(arguments: [
    ("certificate-authority: pki/a.pem", TLSSettings(certificateAuthorityFile: "/etc/kube/pki/a.pem")),
    ("certificate-authority: /etc/kube/pki/a.pem", TLSSettings(certificateAuthorityFile: "/etc/kube/pki/a.pem")),
    (
      "certificate-authority: /nonexistent, certificate-authority-data: \(data)",
      TLSSettings(certificateAuthorityPEM: pem)
    ),
    ("insecure-skip-tls-verify: true", TLSSettings(isVerificationDisabled: true)),
    ("certificate-authority-data: null, proxy-url: \"\"", TLSSettings()),
  ])
  func aClusterSaysHowItsServerProvesItself(fields: String, tls: TLSSettings) throws {
    let found = try configuration(cluster: #"server: "https://api:6443/prefix/", \#(fields)"#)
    #expect(found.endpoint.baseURL == "https://api:6443/prefix")
    #expect(found.endpoint.tls == tls)
  }

  @Test(arguments: [
    ("token: abc", TokenSource.fixed("abc"), TLSSettings()),
    ("token: abc, tokenFile: token", .file(path: "/etc/kube/token"), TLSSettings()),
    (
      "client-certificate: pki/a.pem, client-key: pki/a.pem", .none,
      TLSSettings(clientCertificateFile: "/etc/kube/pki/a.pem", clientKeyFile: "/etc/kube/pki/a.pem")
    ),
    (
      "client-certificate-data: \(data), client-key-data: \(data)", .none,
      TLSSettings(clientCertificatePEM: pem, clientKeyPEM: pem)
    ),
  ])
  func aUserSaysHowTheClientProvesItself(fields: String, token: TokenSource, tls: TLSSettings) throws {
    let found = try configuration(user: fields)
    #expect(found.endpoint.token == token)
    #expect(found.endpoint.tls == tls)
  }

  @Test(arguments: [
    ("{}", "server of the cluster \"c\" is missing"),
    ("server: api:6443", "must be an http or https URL"),
    (#"server: "https://a:b@api""#, "must be an http or https URL"),
    (
      #"server: "https://api", certificate-authority: missing.pem"#, "names /etc/kube/missing.pem, which cannot be read"
    ),
    (#"server: "https://api", certificate-authority: text"#, "is no PEM file"),
    (#"server: "https://api", certificate-authority-data: "AA==""#, "must be PEM in base64"),
    (#"server: "https://api", proxy-url: "http://p""#, "proxy-url of the cluster \"c\" is not supported"),
    (#"server: "https://api", tls-server-name: other"#, "tls-server-name of the cluster \"c\" is not supported"),
    (
      #"server: "https://api", insecure-skip-tls-verify: true, certificate-authority: pki/a.pem"#,
      "cannot be true where there is a certificate-authority"
    ),
    (#"server: "https://api", insecure-skip-tls-verify: maybe"#, "must be true or false"),
  ])
  func aWrongClusterIsToldWithItsLine(fields: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(cluster: fields == "{}" ? "" : fields)
    }
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    #expect(error?.setting?.hasPrefix("/etc/kube/config:8:") == true)
  }

  @Test(arguments: [
    ("exec: {command: aws}", "exec of the user \"jane\" (a credential plugin) is not supported: give the user a token"),
    ("auth-provider: {name: gcp}", "auth-provider of the user \"jane\" is not supported"),
    ("username: admin, password: secret", "username of the user \"jane\" and password is not supported"),
    ("token: secret, as: system:admin", "as of the user \"jane\" (impersonation) is not supported"),
    ("token: 12345", "token of the user \"jane\" must be a string, not integer"),
    ("client-certificate: pki/a.pem", "client-key of the user \"jane\" is missing"),
    ("client-key-data: \(data)", "client-certificate of the user \"jane\" is missing"),
  ])
  func aUserThatCannotBeUsedIsNamedWithoutSecrets(fields: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) { try configuration(user: fields) }
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    #expect(error?.setting?.hasPrefix("/etc/kube/config:11:") == true)
    for secret in ["secret", "12345", Self.data] { #expect(error?.description.contains(secret) == false) }
  }

  @Test(arguments: [
    ("clusters: []", "/k has no current-context"),
    ("current-context: there", "/k:1:1: there is no context \"there\""),
    (
      "current-context: a\ncontexts: [{name: a, context: {user: u}}]",
      "/k:2:22: cluster of the context \"a\" is missing"
    ),
    (
      "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]", "names \"c\", which no file defines"
    ),
    ("contexts: {}", "/k:1:1: contexts must be a list"),
    ("contexts: [{context: {}}]", "every entry of contexts needs a name"),
    ("token: secret\na: [", "/k:3:1: this is not valid YAML"), ("token: !!int secret", "/k:1:8: this is not"),
    ("token: secret\n---\nb: 1", "must be one YAML document"),
    ("- secret", "must be one YAML document"),
    ("", "/k has no current-context"),
  ])
  func aFileThatIsNoKubeconfigIsToldWithItsPlace(text: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try ClusterConfiguration(kubeconfig: "/k", environment: [:]) { $0 == "/k" ? text : nil }
    }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("secret") == false)
  }
}
