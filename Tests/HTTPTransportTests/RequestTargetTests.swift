import Testing

@testable import HTTPTransport

@Suite struct RequestTargetTests {
  /// A proxy would connect from its own machine, and get its own machine's credentials.
  @Test(arguments: [
    ("http://localhost/", true), ("http://127.0.0.1:8080/", true), ("http://[::1]/", true),
    ("http://169.254.169.254/latest/meta-data/", true), ("http://169.254.170.2/v2/credentials", true),
    ("http://[fd00:ec2::23]/v1/credentials", true), ("http://[fe80::1]/", true),
    ("http://169.253.0.1/", false), ("http://10.0.0.1/", false), ("http://[fd00::1]/", false),
    ("https://storage.googleapis.com/", false),
  ])
  func machinesOwnAddressesNeedNoProxy(url: String, isLocal: Bool) throws {
    #expect(try RequestTarget(HTTPRequest(url: url)).isLocal == isLocal)
  }
}
