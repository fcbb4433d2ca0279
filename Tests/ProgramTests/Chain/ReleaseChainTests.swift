import FleetKinds
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// From CI's curl to `currentVersion` at the vendor (spec §5), on real parts.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct ReleaseChainTests {
  @Test func aReleaseGoesFromCIToTheCustomerAndItsReportBack() async throws {
    try await ReleaseChain.use { chain in
      try await chain.startAgent()
      try await chain.publish("1.0.0", tag: "v1")
      try await chain.schedule("1.0.0")
      try await chain.waitForVendor(toKnow: "1.0.0")
      #expect(try await chain.servedVersion(of: "backend") == "v1")
      try await chain.waitForTarget(of: "1.0.0", "deployed") { $0["status"]?["phase"] == "Success" }
      // The release's new setting is there.
      let config = try await chain.send("GET", "/api/admin/config").1
      #expect(config.text.contains("NEW_FEATURE"))

      try await chain.publish("2.0.0", tag: "v2")
      try await chain.schedule("2.0.0")
      try await chain.waitForVendor(toKnow: "2.0.0")
      #expect(try await chain.servedVersion(of: "media") == "v2")

      // A bad one rolls back by itself; the vendor is told why, and what runs.
      try await chain.publish("3.0.0", tag: "crash")
      try await chain.schedule("3.0.0")
      let target = try await chain.waitForTarget(of: "3.0.0", "failed") {
        ["Failed", "RolledBack"].contains($0["status"]?["phase"]?.string ?? "")
      }
      #expect(target["status"]?["reason"]?.string?.isEmpty == false)
      #expect(try await chain.organizationAtVendor().status?.currentVersion == "2.0.0")
      #expect(try await chain.servedVersion(of: "backend") == "v2")

      // Back to the first by hand (spec §9.2).
      let (status, answer) = try await chain.send(
        "POST", "/api/admin/deployment/rollback", ["targetVersion": "1.0.0"])
      #expect(status == 200 && answer["rollbackInitiated"] == true, "\(answer.text)")
      try await chain.waitForVendor(toKnow: "1.0.0")
      #expect(try await chain.servedVersion(of: "backend") == "v1")
      let missing = try await chain.send("POST", "/api/admin/deployment/rollback", ["targetVersion": "0.9.0"])
      #expect(missing.0 == 404 && missing.1["error"]?.string?.contains("Version not available") == true)
    }
  }
}

/// The same with Helm: each way back of spec §9.1.
@Suite(
  .needs(.docker), .needs(.images), .needs(.cluster), .needs(.kubectl), .needs(.helm3), .usesEngine,
  .timeLimit(.minutes(20)))
struct HelmReleaseChainTests {
  @Test func aReleaseGoesFromCIToTheClusterAndEveryWayBack() async throws {
    try await ClusterSession.use { session in
      let place = HelmPlace(session: session, edition: .helm3)
      try await ReleaseChain.use(place) { chain in
        try await chain.startAgent()
        try await chain.publish("1.0.0", tag: "v1")
        try await chain.schedule("1.0.0")
        try await chain.waitForVendor(toKnow: "1.0.0")
        #expect(try await chain.servedVersion(of: "backend") == "v1")

        try await chain.publish("2.0.0", tag: "v2")
        try await chain.schedule("2.0.0")
        try await chain.waitForVendor(toKnow: "2.0.0")
        #expect(try await chain.servedVersion(of: "media") == "v2")
        let target = try await chain.waitForTarget(of: "2.0.0", "deployed") { $0["status"]?["phase"] == "Success" }
        #expect(target["status"]?["helmRevision"]?.integer == 2, "\(target.text)")

        // Automatic: what crashes is given up by the deployment's timeout, and Helm goes back.
        try await chain.publish("3.0.0", tag: "crash")
        try await chain.schedule("3.0.0")
        try await chain.waitForTarget(of: "3.0.0", "failed") {
          ["Failed", "RolledBack"].contains($0["status"]?["phase"]?.string ?? "")
        }
        #expect(try await chain.organizationAtVendor().status?.currentVersion == "2.0.0")
        #expect(try await chain.servedVersion(of: "backend") == "v2")

        // Option A: a revision of Helm's history.
        var (status, answer) = try await chain.send("POST", "/api/admin/deployment/rollback", ["targetRevision": 1])
        #expect(status == 200 && answer["rollbackInitiated"] == true, "\(answer.text)")
        try await chain.waitForVendor(toKnow: "1.0.0")
        #expect(try await chain.servedVersion(of: "backend") == "v1")
        #expect(try await place.lastRevision().hasSuffix(" deployed wrktalk-1.0.0"))

        // Option B: a version.
        (status, answer) = try await chain.send("POST", "/api/admin/deployment/rollback", ["targetVersion": "2.0.0"])
        #expect(status == 200 && answer["rollbackInitiated"] == true, "\(answer.text)")
        try await chain.waitForVendor(toKnow: "2.0.0")
        #expect(try await chain.servedVersion(of: "backend") == "v2")
        let missing = try await chain.send("POST", "/api/admin/deployment/rollback", ["targetVersion": "0.9.0"])
        #expect(missing.0 == 404 && missing.1["error"]?.string?.contains("Version not available") == true)
      }
    }
  }
}
