import ClusterAccess
import FoundationEssentials
import HTTPTransport
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// A client certificate that the testbed's own authority signed, as kubeconfigs hold it.
@Suite(
  .needs(.cluster), .needs(.kubectl), .timeLimit(.minutes(5)),
  .enabled(if: Testbed.variable("WRKTALK_TEST_CLUSTER_CA") != nil, "needs the key of the cluster's authority"))
struct ClusterCredentialTests {
  private static let namespaces = ResourceNames(
    group: "", version: "v1", kind: "Namespace", plural: "namespaces", singular: "namespace")

  @Test(arguments: [true, false])
  func aClientCertificateOpensTheCluster(isEmbedded: Bool) async throws {
    try await ClusterSession.use { session in
      let folder = session.folder
      let authority = try #require(Testbed.variable("WRKTALK_TEST_CLUSTER_CA"))
      try await CustomerEnvironment.command(
        "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
        "/O=system:masters/CN=tests", "-keyout", folder.file("key.pem"), "-out", folder.file("request.pem"))
      try await CustomerEnvironment.command(
        "openssl", "x509", "-req", "-in", folder.file("request.pem"), "-CA", "\(authority)/ca.crt", "-CAkey",
        "\(authority)/ca.key", "-set_serial", "1\(UInt32.random(in: 0...UInt32.max))", "-days", "1", "-out",
        folder.file("certificate.pem"))
      let kubeconfig = folder.file("certificate.kubeconfig")
      func config(_ arguments: String...) async throws {
        let program = try await RunningProgram.start(
          try Testbed.location(of: .kubectl), arguments: ["--kubeconfig", kubeconfig, "config"] + arguments)
        #expect(await program.termination() == .exited(code: 0))
      }
      try await config(
        "set-cluster", "here", "--server", session.client.endpoint.baseURL, "--certificate-authority",
        "\(authority)/ca.crt", "--embed-certs=\(isEmbedded)")
      try await config(
        "set-credentials", "tests", "--client-certificate", folder.file("certificate.pem"), "--client-key",
        folder.file("key.pem"), "--embed-certs=\(isEmbedded)")
      try await config("set-context", "here", "--cluster", "here", "--user", "tests")
      try await config("use-context", "here")

      let access = try ClusterSession.access(kubeconfig)
      #expect((access.endpoint.tls.clientKeyPEM != nil) == isEmbedded)
      let client = ResourceClient(endpoint: access.endpoint, http: session.http)
      let key = ObjectKey(namespace: "", name: session.namespace)
      #expect(try await client.get(Self.namespaces, key)["kind"] == "Namespace")
    }
  }
}
