import HTTPTransport
import TestSupport
import Testing
import WireFormats

@testable import ControlCommands
@testable import ImageRegistries

/// Which digest an image has, asked at a registry.
@Suite(.timeLimit(.minutes(2))) struct RegistryTests {
  private static func resolve(
    _ registry: FakeRegistry, _ image: String = "shop/backend:v1", isLoggedIn: Bool = false
  ) async throws -> RegistryClient.Resolved {
    let http = HTTPClient(userAgent: "wrktalk-tests")
    let credentials =
      isLoggedIn
      ? RegistryCredentials(["auths": .object([registry.host: ["auth": "dXNlcjpzZWNyZXQ="]])]) : RegistryCredentials()
    let client = RegistryClient(http: http, credentials: credentials)
    let reference = try #require(RegistryReference("\(registry.host)/\(image)"))
    let result: Result<RegistryClient.Resolved, RegistryFailure>
    do throws(RegistryFailure) { result = .success(try await client.resolve(reference)) } catch {
      result = .failure(error)
    }
    await http.shutdown()
    return try result.get()
  }

  @Test func anIndexHasTheDigestsOfItsPlatformsAndTheirConfigurations() async throws {
    let registry = try FakeRegistry()
    let resolved = try await Self.resolve(registry)
    #expect(resolved.digest == registry.digest(of: "v1"))
    #expect(resolved.contentDigests.count == 4)
    #expect(!resolved.contentDigests.contains { $0.hasSuffix("999") })
    let single = try await Self.resolve(registry, "shop/backend:single")
    #expect(single.digest == registry.digest(of: "single") && single.contentDigests.count == 1)
    let pinned = try await Self.resolve(registry, "shop/backend:v1@\(resolved.contentDigests[0])")
    #expect(pinned.digest == resolved.contentDigests[0])
  }

  @Test func aTokenIsFetchedOnceAndTheLoginGoesToTheTokenServiceOnly() async throws {
    let registry = try FakeRegistry(.token)
    _ = try await Self.resolve(registry, isLoggedIn: true)
    let log = registry.log
    #expect(log.first == "GET /v2/shop/backend/manifests/v1 ")
    #expect(
      log.dropFirst().first
        == "GET /token?service=the%20registry&scope=repository%3Ashop%2Fbackend%3Apull%2Cpush \(FakeRegistry.basic)")
    #expect(log.dropFirst(2).allSatisfy { $0.hasSuffix(" Bearer good") } && log.count == 5)
  }

  @Test func aRegistryMayTakeTheLoginItself() async throws {
    let registry = try FakeRegistry(.basic)
    #expect(try await Self.resolve(registry, isLoggedIn: true).digest == registry.digest(of: "v1"))
  }

  static let refusals: [(FakeRegistry.Access, Bool, String, String)] = [
    (.token, false, "shop/backend:v1", "does not let you read"),
    (.basic, false, "shop/backend:v1", "does not let you read"),
    (.free, true, "shop/backend:v1", "other bytes"),
    (.free, false, "shop/backend:v9", "does not have the image"),
    (.free, false, "shop/backend:v1@sha256:12", "of the form sha256:"),
  ]

  @Test(arguments: refusals)
  func whatTheRegistryDoesNotGiveIsNamed(
    _ access: FakeRegistry.Access, _ lies: Bool, _ image: String, _ words: String
  ) async throws {
    let registry = try FakeRegistry(access, lies: lies)
    await #expect {
      try await Self.resolve(registry, image)
    } throws: { error in
      (error as? RegistryFailure).map { $0.message.contains(words) && $0.message.contains("shop/backend") } == true
    }
  }

  @Test func noPasswordGoesToATokenServiceWithoutTLSOfARegistryWithIt() throws {
    #expect(
      RegistryChallenge(#"Bearer realm="https://a/t",service="s, x",scope="p:q:r""#)
        == .bearer(realm: "https://a/t", service: "s, x", scope: "p:q:r"))
    #expect(RegistryChallenge("bearer realm=https://a/t") == .bearer(realm: "https://a/t", service: nil, scope: nil))
    #expect(RegistryChallenge(#"Basic realm="x""#) == .basic)
    for text in ["", "Digest realm=x", "Bearer", "Bearer scope=x"] {
      #expect(RegistryChallenge(text) == nil, "\(text)")
    }
  }

  static let references: [(String, String, String, String)] = [
    ("nginx", "registry-1.docker.io", "library/nginx", "latest"),
    ("nginx:1.27", "registry-1.docker.io", "library/nginx", "1.27"),
    ("docker.io/nginx", "registry-1.docker.io", "library/nginx", "latest"),
    ("bitnami/redis:7", "registry-1.docker.io", "bitnami/redis", "7"),
    ("ghcr.io/wrktalk/backend:v1", "ghcr.io", "wrktalk/backend", "v1"),
    ("localhost/a:1", "localhost", "a", "1"), ("127.0.0.1:5000/a/b", "127.0.0.1:5000", "a/b", "latest"),
    ("r.example.com:5000/a:1@sha256:ab", "r.example.com:5000", "a", "sha256:ab"),
  ]

  @Test(arguments: references)
  func aReferenceSaysWhomToAsk(_ text: String, _ host: String, _ path: String, _ version: String) throws {
    let reference = try #require(RegistryReference(text))
    #expect(reference.host == host && reference.path == path && reference.version == version)
    #expect(reference.description == text)
  }

  @Test(arguments: ["", ":v1", "a:", "a//b", "/a", "a@", "a b", "a/:v1"])
  func whatIsNoReferenceIsRefused(_ text: String) { #expect(RegistryReference(text) == nil) }

  @Test func onlyThisMachineIsAskedWithoutTLS() throws {
    for (text, isLoopback) in [
      ("localhost:5000/a", true), ("127.0.0.1:5000/a", true), ("[::1]:5000/a", true),
      ("localhost.example.com/a", false), ("127.example.com/a", false), ("127.0.0.1.example.com:5000/a", false),
      ("10.0.0.1:5000/a", false), ("a", false),
    ] {
      #expect(try #require(RegistryReference(text)).isLoopback == isLoopback, "\(text)")
    }
  }

  @Test func loginsAreReadAsDockerWritesThem() throws {
    let credentials = RegistryCredentials([
      "auths": [
        "ghcr.io": ["auth": "YTpi"], "https://index.docker.io/v1/": ["auth": "Yzpk"],
        "https://r.example.com": ["auth": "ZTpm"],
        "plain.example.com": ["username": "g", "password": "h"], "empty.example.com": .object([:]),
      ], "credsStore": "desktop",
    ])
    for (text, expected) in [
      ("ghcr.io/a", "Basic YTpi"), ("nginx", "Basic Yzpk"), ("r.example.com/a", "Basic ZTpm"),
      ("plain.example.com/a", "Basic Zzpo"), ("empty.example.com/a", nil), ("other.example.com/a", nil),
    ] as [(String, String?)] {
      #expect(credentials.basic(for: try #require(RegistryReference(text))) == expected, "\(text)")
    }
    #expect(credentials.helper == "desktop")
  }
}
