import DeploymentKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import Testing
import WireFormats
import YAMLDocuments

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

  struct Deletion: Sendable {
    var policy: DeletionPolicy?
    var finalizers: [String]
    var isSeen = false
    var ready: String?
    var text: String
  }

  @Test(arguments: [
    Deletion(policy: .orphan, finalizers: [], text: "what runs goes on running."),
    Deletion(
      policy: .uninstall, finalizers: [DesiredDeploymentKind.finalizer],
      text:
        "waiting for the Agent to uninstall the Compose project shop; it has not seen the deletion yet, so check that "
        + "it runs."),
    Deletion(
      policy: .uninstall, finalizers: [DesiredDeploymentKind.finalizer, "example.com/a"], isSeen: true,
      ready: "UninstallFailed", text: "UninstallFailed: told by the test."),
    Deletion(
      policy: nil, finalizers: [DesiredDeploymentKind.finalizer],
      text: "waiting for the Agent to let it go; it has not seen the deletion yet, so check that it runs."),
    Deletion(
      policy: .orphan, finalizers: ["example.com/a", "example.com/b"],
      text: "what runs goes on running. It is waiting for the finalizers example.com/a, example.com/b."),
    Deletion(
      policy: .uninstall, finalizers: ["example.com/a"], isSeen: true, ready: "Uninstalled",
      text: "told by the test. It is waiting for the finalizer example.com/a."),
  ])
  func aDeploymentThatIsBeingDeletedSaysWhatItWaitsFor(_ row: Deletion) {
    var object = Samples.deployment
    object.metadata.deletionTimestamp = Samples.now
    object.metadata.generation = 4
    object.metadata.finalizers = row.finalizers
    object.spec.deletionPolicy = row.policy
    if row.isSeen { object.status?.observedGeneration = 4 }
    if let reason = row.ready {
      object.status?.conditions = [
        Condition(
          type: "Ready", status: .isFalse, observedGeneration: 4, lastTransitionTime: Samples.now, reason: reason,
          message: "told by the test")
      ]
    }
    #expect(DeploymentSummary.sentence(object) == "It is being deleted; " + row.text)
    let description = DeploymentDescription(object: object, events: [], now: Samples.now).render()
    #expect(description.contains("  On deletion:  \((row.policy ?? .orphan).rawValue)\n"))
    #expect(description.contains("Deleted:      2027-01-15T08:00:00Z (0s ago)\n"))
    #expect(description.contains("Finalizers:") == !row.finalizers.isEmpty)
  }

  @Test func aTableKnowsWhatItsDeletedObjectsWaitFor() {
    let table: JSONValue = [
      "columnDefinitions": [["name": "Name", "priority": 0]],
      "rows": [
        ["cells": ["a"], "object": ["metadata": ["name": "a", "finalizers": ["example.com/a"]]]],
        [
          "cells": ["b"],
          "object": [
            "metadata": [
              "name": "b", "deletionTimestamp": "2027-01-15T08:00:00Z",
              "finalizers": [.string(DesiredDeploymentKind.finalizer)],
            ]
          ],
        ],
      ],
    ]
    var view = TableView(isWide: false, showsNamespace: false)
    #expect(
      view.rows(of: table).map(\.deletion) == [
        nil,
        "is being deleted; waiting for the finalizer deploy.wrktalk.com/uninstall; deploy.wrktalk.com/uninstall is the Agent's to remove",
      ])
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

  /// What curl and OpenSSL say where one side speaks TLS and the other does not.
  @Test(arguments: [
    ("http://s", HTTPTransportError.Code.connectionLost, "Empty reply from server", "is its address https://"),
    ("https://s", .tls, "error:0A00010B:SSL routines::wrong version number", "is its address http://"),
    ("https://s", .tls, "certificate has expired", "Check --certificate-authority"),
    ("https://s", .connectionLost, "Empty reply from server", "try again"),
    ("http://s", .connectionLost, "Recv failure", "try again"),
  ])
  func aWrongSchemeIsGuessed(server: String, code: HTTPTransportError.Code, message: String, hint: String) {
    let failure = ClientFailureText.failure(
      .unreachable(HTTPTransportError(code: code, message: message)), server: server)
    #expect(failure.hint?.contains(hint) == true, "\(failure.hint ?? "")")
  }

  @Test func anObjectWithoutAnnotationsHasNoneToShow() {
    let object: JSONValue = [
      "metadata": ["name": "a", "annotations": .object([ThreeWayPatch.lastAppliedAnnotation: "{}"])], "spec": ["b": 1],
    ]
    #expect(LiveObject.comparable(object) == ["metadata": ["name": "a"], "spec": ["b": 1]])
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

  @Test(arguments: ["\u{9B}2J", "\u{202E}txt", "\u{200F}", "\u{61C}", "\u{2066}a", "\u{7F}", "\u{1B}[2J"])
  func aTerminalObeysNothingThatAnObjectHolds(text: String) throws {
    let value: JSONValue = ["message": .string("before\(text)after"), "ü": "日本"]
    let (json, yaml) = (JSONText.render(value), YAMLText.render(value))
    for output in [json, yaml, printable(text)] {
      #expect(!output.unicodeScalars.contains { isControl($0) && $0 != "\n" })
    }
    #expect(try JSONValue(parsing: json) == value)
    #expect(try YAMLStream.parse(Array(yaml.utf8), file: "test").map(\.value) == [value])
    #expect(json.contains("日本"))
  }
}
