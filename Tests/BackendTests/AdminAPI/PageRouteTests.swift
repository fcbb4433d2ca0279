import HTTPTypes
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// The page and the API share one address.
@Suite(.timeLimit(.minutes(5))) struct PageRouteTests {
  private static let browser = [("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")]

  @Test func aBrowserGetsThePageWithoutSigningIn() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      for path in ["/", "/sign-in/oidc?code=x&state=y"] {
        let page = try await front.send(.get, path, headers: Self.browser)
        #expect(page.status == 200 && page.headers[.contentType]?.hasPrefix("text/html") == true)
        #expect(page.headers[.contentSecurityPolicy]?.contains("require-trusted-types-for 'script'") == true)
        let html = String(decoding: page.body, as: UTF8.self)
        let script = try #require(html.split(separator: "\"").first { $0.hasSuffix("/page.js") })
        let module = try await front.send(.get, String(script))
        #expect(module.status == 200 && module.headers[.contentType]?.hasPrefix("text/javascript") == true)
        #expect(module.headers[.cacheControl]?.contains("immutable") == true)
      }
    }
  }

  @Test func theAPIsRootStaysWhatItWasForItsClients() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      let root = try await front.send(.get, "/", token: "viewer", headers: [("Accept", "application/json, */*")])
      #expect(root.status == 200 && root.json["paths"]?.array?.contains("/apis") == true)
      #expect(try await front.send(.get, "/").status == 401)
      #expect(try await front.send(.get, "/", token: "nobody").status == 401)
    }
  }

  @Test(arguments: ["/assets/0/tower/main.js", "/assets/", "/assets/../api", "/sign-in/oidc/more"])
  func whatIsNotThereIsNotFoundOrNeedsAToken(_ path: String) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let answer = try await BackendFront(fixture).send(.get, path, headers: Self.browser)
      #expect(answer.status == (path.hasPrefix("/assets/") ? 404 : 401))
    }
  }

  @Test(arguments: [
    "/api", "/apis", "/version", "/openapi/v3", "/api/admin/status", "/internal/agent/tasks", "/metrics",
  ])
  func nothingOfTheAPIIsOpenedByThePage(_ path: String) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let answer = try await BackendFront(fixture).send(.get, path, headers: Self.browser)
      #expect(answer.status == 401)
    }
  }
}
