import Database
import Reconciliation
import Testing
import WireFormats

@testable import Backend

extension BackendFixture {
  func pollVendor() async throws { _ = try await parts.intake.poller?.pass() }

  /// Downloads until nothing is due.
  func fetchArtifacts(_ parts: BackendParts? = nil) async throws {
    for _ in 0..<20 {
      if try await (parts ?? self.parts).intake.downloads.pass() != .now { return }
    }
  }

  /// The one release that is known; nil where none is.
  func onlyRelease() async throws -> ScheduledDeployment? {
    let rows = try await database.transaction(.read) { connection in
      try connection.query(
        "SELECT \(ScheduledDeployment.columns(connection.dialect)) FROM scheduled_deployment AS d"
      ).map(ScheduledDeployment.init)
    }
    #expect(rows.count <= 1)
    return rows.first
  }

  func alter(_ sql: String) async throws { _ = try await database.transaction(.write) { try $0.execute(sql) } }

  func messageCount(_ topic: String) async throws -> Int { try await outbox(topic).count }
}
