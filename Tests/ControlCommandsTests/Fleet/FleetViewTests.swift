import Testing
import WireFormats

@testable import ControlCommands

@Suite struct FleetViewTests {
  @Test func theFleetInNumbers() throws {
    let answer = try JSONValue(
      parsing: """
        {"organizations": 450, "health": {"NeverSeen": 3, "Online": 430, "Offline": 17, "Asleep": 0},
         "versions": [{"version": "2.3.0", "organizations": 212, "behind": 1}, {"version": null, "organizations": 3}],
         "escalations": {"open": 2}}
        """)
    #expect(
      FleetSummaryView(answer).text() == """
        Organizations:     450
        Open escalations:  2 (wrktalkctl get escalations)

        HEALTH      ORGANIZATIONS   SHARE   MEANING
        Online      430             95.6%   seen within 10 minutes
        Offline     17              3.8%    seen within a day
        NeverSeen   3               0.7%    has never been seen
        Asleep      0               0.0%

        VERSION         ORGANIZATIONS   SHARE   RELEASES BEHIND
        2.3.0           212             47.1%   1
        none reported   3               0.7%

        """)
  }

  @Test func failuresAreGroupedByTheirCause() throws {
    let answer = try JSONValue(
      parsing: """
        {"release": "2.3.0", "reported": 412, "failed": 40, "groups": [
          {"reason": "ImagePullFailed", "component": "media", "message": "manifest\\nunknown", "count": 37,
           "organizations": ["acme", "beta"], "more": 35},
          {"reason": null, "component": "", "message": "", "count": 3, "organizations": ["c", "d", "e"], "more": 0}]}
        """)
    #expect(
      FleetFailuresView(answer: answer).text() == """
        2.3.0: 40 of 412 customers that reported failed (9.7%)

        37 of 412: ImagePullFailed, media
          manifest | unknown
          At: acme, beta, and 35 more

        3 of 412: no reason given
          At: c, d, e

        """)
    #expect(
      FleetFailuresView(answer: ["release": "2.3.0", "reported": 0]).text() == "2.3.0: no customer has reported yet.\n")
    #expect(
      FleetFailuresView(answer: ["release": "2.3.0", "reported": 5, "failed": 0]).text()
        == "2.3.0: none of 5 customers that reported has failed.\n")
  }

  @Test func aPlanSaysWhoAndWhyNot() throws {
    let answer = try JSONValue(
      parsing: """
        {"unreached": 4, "withTarget": 0, "stages": [
          {"name": "canary", "members": 2, "organizations": ["acme", "beta"], "notFound": ["gamma"], "failureBudget": 0,
           "blocked": [{"organization": "zeta", "reason": "LicenseExpired", "message": "since 2027-01-01"}], "blockedMembers": 3,
           "alreadyThere": ["beta"], "alreadyThereMembers": 1},
          {"name": "early", "members": 102, "organizations": ["c1", "c2"], "blocked": [], "failureBudget": 5, "offeredOverMinutes": 2,
           "doubts": [{"organization": "c2", "message": "it never said which version it runs"}]},
          {"name": "everyone", "members": 0, "organizations": [], "blocked": []}]}
        """)
    #expect(
      RolloutPlanView(manifest: RolloutSamples.object(), answer: answer).text() == """
        spring: release 2.3.0 for 104 customers in 3 stages
        STAGE      CUSTOMERS   PASSED OVER   AT ONCE   A MINUTE   MAY FAIL   BEFORE THE NEXT STAGE
        canary     2           3             all       any        0          98% succeed, 1 reported, soak 1h, approval
        early      102         -             100       50         5          at most 5 failed, 1 reported
        everyone   0           -             all       any        any        1 reported
        4 customers are in no stage.

        canary:
          acme, beta
          Halts as soon as 98% of them cannot succeed any more
          Run it already: beta
          Named, but not to be had: gamma
          Not offered as they are now:
            ORGANIZATION   WHY NOT
            zeta           LicenseExpired: since 2027-01-01
            and 2 more

        early:
          c1, c2, and 100 more
          Offered over at least 2 min from when it starts
          Offered, though it may not go well:
            ORGANIZATION   WHY
            c2             it never said which version it runs

        everyone:
          nobody: the stage passes at once

        """)
  }

  @Test func aCustomersHistoryIsATable() {
    let entries: [JSONValue] = [
      ["version": "2.3.0", "deployedAt": "2027-01-15T08:00:00Z", "status": "success", "helmRevision": 5],
      ["version": "2.2.0", "deployedAt": nil, "status": "rolledBack"],
    ]
    #expect(
      OrgHistory.table(entries, now: Timestamp("2027-01-15T10:00:00Z")!) == """
        VERSION   DEPLOYED   STATUS       REVISION
        2.3.0     120m ago   success      5
        2.2.0     -          rolledBack   -

        """)
  }

  @Test func keysAreListedWithoutThemselves() {
    let keys: [JSONValue] = [
      ["id": "k1", "createdAt": "2027-01-15T08:00:00Z", "lastUsedAt": "2027-01-15T09:59:00Z"],
      ["id": "k2", "createdAt": "2027-01-15T09:00:00Z"],
    ]
    #expect(
      OrgKeyList.table(keys, now: Timestamp("2027-01-15T10:00:00Z")!) == """
        ID   CREATED    LAST USED
        k1   120m ago   60s ago
        k2   60m ago    never

        """)
  }
}
