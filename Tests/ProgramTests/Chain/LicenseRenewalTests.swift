import Database
import FoundationEssentials
import HTTPTransport
import TestSupport
import Testing
import WireFormats

/// A customer's first licence and its renewal, from the vendor's command to what the Backend and its Agent go by, between the real
/// programs.
@Suite(.needs(.docker), .needs(.images), .timeLimit(.minutes(5)))
struct LicenseRenewalTests {
  @Test func aLicenceComesOverTheHeartbeatAndSoDoesItsRenewal() async throws {
    let folder = try TemporaryFolder()
    let key = folder.file("license.key")
    let maker = try await RunningProgram.start(
      Testbed.program("wrktalk-gcc"), arguments: ["license", "key", "create", key])
    #expect(await maker.termination() == .exited(code: 0), "\(maker.output)")
    try await ReleaseChain.use(settings: ["WRKTALK_VENDOR_PUBLIC_KEY_FILE": "\(key).pub"]) { chain in
      func issue(_ expires: String) async throws {
        _ = try await chain.vendor.command(
          "license", "issue", ReleaseChain.organization, "--expires", expires, "--key", key)
      }
      var before = try await chain.send("GET", "/api/admin/license").1
      #expect(before["state"] == "NotConfigured", "\(before.text)")
      for days in ["30d", "400d"] {
        try await issue(days)
        // Not after the minutes that each may take, but as if they had passed.
        await chain.vendor.kill()
        try await chain.vendor.start()
        await chain.backend.kill()
        let database = try await openDatabase("sqlite:\(chain.folder.file("backend/wrktalk.db"))")
        _ = try await database.transaction(.write) { connection in
          try connection.execute("UPDATE deployment_config SET \"nextHeartbeat\" = NULL, \"lastHeartbeat\" = NULL")
        }
        await database.close()
        try await chain.backend.start()
        let end = before["expiresAt"]
        let license = try await chain.waitForLicense { $0["state"] == "Valid" && $0["expiresAt"] != end }
        #expect(license["organization"]?.string == ReleaseChain.organization)
        before = license
      }
      // What an Agent is told is the token itself, which it checks with the vendor's key.
      let answer = try await chain.send("GET", "/internal/license/status").1
      #expect(answer["token"]?.string?.isEmpty == false, "\(answer.text)")
      let end = try #require(before["expiresAt"]?.string.flatMap { Timestamp($0) })
      #expect(end > ReleaseChain.now() + .seconds(399 * 86_400))
    }
  }
}

extension ReleaseChain {
  /// The Backend's licence, once it is as `condition` says.
  fileprivate func waitForLicense(_ condition: (JSONValue) -> Bool) async throws -> JSONValue {
    var last: JSONValue = .null
    for _ in 0..<600 {
      last = try await send("GET", "/api/admin/license").1
      if condition(last) { return last }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw ProgramError(description: "waited in vain for a licence: \(last.text)")
  }
}
