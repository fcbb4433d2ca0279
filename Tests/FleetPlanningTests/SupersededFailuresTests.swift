import FleetPlanning
import Testing

@Suite struct SupersededFailuresTests {
  @Test func aSuccessEndsFailuresOfItsVersionAndOfAllBeforeIt() {
    let failed = ["2.2.0", "2.3.0-rc.1", "v2.3.0", "2.10.0", "latest"]
    #expect(SupersededFailures.resolved(failed, by: "2.3.0") == ["2.2.0", "2.3.0-rc.1", "v2.3.0"])
    #expect(SupersededFailures.resolved(failed, by: "latest") == ["latest"])
    #expect(SupersededFailures.resolved(failed, by: "1.0.0") == [])
  }
}
