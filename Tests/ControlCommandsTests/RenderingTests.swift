import DeploymentKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import Testing
import WireFormats

@testable import ControlCommands

@Suite struct RenderingTests {
  @Test func aTableIsAlignedAndWideColumnsAreHiddenUnlessAskedFor() {
    let table: JSONValue = [
      "kind": "Table",
      "columnDefinitions": [
        ["name": "Name", "priority": 0], ["name": "Ready", "priority": 0], ["name": "Message", "priority": 1],
      ],
      "rows": [
        ["cells": ["a", "True", "fine"], "object": ["metadata": ["name": "a", "namespace": "shop"]]],
        [
          "cells": ["longer-name", nil, "x\u{1B}[31m"],
          "object": ["metadata": ["name": "longer-name", "namespace": "s"]],
        ],
      ],
    ]
    var narrow = TableView(isWide: false, showsNamespace: false)
    let rows = narrow.rows(of: table).map(\.cells)
    #expect(
      TextTable.render(header: narrow.header, rows: rows) == """
        NAME          READY
        a             True
        longer-name

        """)
    var wide = TableView(isWide: true, showsNamespace: true)
    let wideRows = wide.rows(of: table).map(\.cells)
    #expect(
      TextTable.render(header: wide.header, rows: wideRows) == """
        NAMESPACE   NAME          READY   MESSAGE
        shop        a             True    fine
        s           longer-name           x\u{FFFD}[31m

        """)
  }

  @Test func severalLinesAreJoinedWhereOnlyOneFits() {
    #expect(printable("Its log ends:\r\n  broken\n\nbroken\u{1B}[2J\n") == "Its log ends: | broken | broken\u{FFFD}[2J")
    #expect(printable("a\nb", keepingLineEnds: true) == "a\nb")
  }

  @Test func historyIsATable() {
    let history = DeploymentHistory(Samples.deployment.status?.history ?? [], now: Samples.now)
    #expect(
      history.render() == """
        REVISION   VERSION   OUTCOME      COMPLETED   TOOK   GENERATION   MESSAGE
        -          3.0.0     RolledBack   0s ago      90s    4            backend exits with code 1
        2          2.0.0     Deployed     60m ago     90s    3            all healthy
        1          1.0.0     Deployed     120m ago    90s    2            all healthy

        """)
  }

  @Test func eventsTellCountsAndCannotMoveTheCursor() {
    #expect(
      EventList([Samples.event], now: Samples.now).render() == """
        LAST SEEN          TYPE      REASON              OBJECT                      MESSAGE
        60s (x3 over 5m)   Warning   WorkloadUnhealthy   desireddeployment/wrktalk   backend exits\u{FFFD}[2J with code 1

        """)
  }

  @Test func aDescriptionTellsTheStoryAndNoSecret() {
    let text = DeploymentDescription(object: Samples.deployment, events: [Samples.event], now: Samples.now).render()
    for part in [
      "Name:         wrktalk\n", "Namespace:    shop\n", "Labels:       tier=gold\n",
      "Summary:      Stalled (WorkloadUnhealthy); 2.0.0 (revision 2) runs. 3.0.0 failed: backend exits with code 1\n",
      "\nDesired:\n", "  Runtime:      Compose, project shop\n", "  New settings: API_KEY\n",
      "  Image tags:   backend=v3, media=v3\n", "\nRunning:\n", "\nFailure:\n", "\nConditions:\n  TYPE ",
      "\nHistory:\n  REVISION",
      "\nEvents:\n  LAST SEEN",
    ] {
      #expect(text.contains(part), "\(part) in:\n\(text)")
    }
    #expect(!text.contains("secret"))
    #expect(!text.contains(ThreeWayPatch.lastAppliedAnnotation))
  }

  @Test func theSummaryOfEachStateIsASentence() {
    var object = Samples.deployment
    object.spec.suspend = true
    #expect(DeploymentSummary.sentence(object) == "Suspended: the Agent does nothing; 2.0.0 (revision 2) runs.")
    object.spec.suspend = false
    object.metadata.generation = 4
    #expect(DeploymentSummary.sentence(object) == "The Agent has not seen this change yet; 2.0.0 (revision 2) runs.")
    object.status = nil
    #expect(DeploymentSummary.sentence(object) == "The Agent has not seen this change yet; nothing runs yet.")
  }

  @Test(arguments: [
    (
      ResourceClientError.status(StatusError(.unauthorized, "no token")),
      "http://s does not accept the token (401): no token"
    ),
    (.status(StatusError(.forbidden, "viewer may not")), "not allowed (403): viewer may not"),
    (.unreachable(HTTPTransportError(code: .couldNotConnect, message: "refused")), "cannot reach http://s: refused"),
    (.status(StatusError(.notFound, "dd \"x\" not found")), "dd \"x\" not found"),
    (.credentials("the token file /t cannot be read"), "the token file /t cannot be read"),
  ])
  func failuresAreOneClearLine(error: ResourceClientError, message: String) {
    #expect(ClientFailureText.failure(error, server: "http://s").message == message)
  }

  @Test(
    arguments: [
      (["dd"], "desireddeployments", []), (["dd", "a", "b"], "desireddeployments", ["a", "b"]),
      (["dd/a", "DesiredDeployment/b"], "desireddeployments", ["a", "b"]),
      (["leases.coordination.k8s.io"], "leases", []),
    ] as [([String], String, [String])])
  func objectsAreNamedAsWithKubectl(words: [String], plural: String, names: [String]) throws {
    let arguments = try ResourceArguments(words)
    #expect(arguments.resource.plural == plural)
    #expect(arguments.names == names)
  }

  @Test(arguments: [["x"], ["dd/a", "b"], ["dd/"], ["dd", "a/b"], ["dd/a", "lease/b"], []])
  func whatNamesNoObjectIsAUsageError(words: [String]) {
    #expect { try ResourceArguments(words) } throws: { ($0 as? CommandFailure)?.exitCode == 64 }
  }
}
