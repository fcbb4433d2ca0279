import Access
import HTTPTypes
import WireFormats

@testable import Backend

/// Requests of certain people and Agents, as the Backend's front answers them.
struct BackendCalls: Sendable {
  private let front: BackendFront

  init(_ fixture: BackendFixture) { front = BackendFront(fixture, authenticator: Names()) }

  /// A token is the name of its owner: `admin`, `viewer`, or an Agent's that begins with `agent`.
  private struct Names: Authenticator {
    func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
      switch token {
      case "admin": Identity(name: "ada@example.com", role: .admin)
      case "viewer": Identity(name: "vera", role: .viewer)
      case "agent-elsewhere": Identity(name: token, role: .agent, tenant: "elsewhere")
      case _ where token.hasPrefix("agent"): Identity(name: token, role: .agent, tenant: "wrktalk")
      default: nil
      }
    }
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil, as token: String = "admin"
  ) async throws -> BackendFront.Answer {
    try await send(method, path, bytes: body?.serialized() ?? [], as: token)
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8], as token: String
  ) async throws -> BackendFront.Answer {
    let isAgent = token.hasPrefix("agent")
    return try await front.send(
      method, path, bytes: bytes, token: isAgent ? nil : token, headers: isAgent ? [("X-Agent-Secret", token)] : [])
  }
}
