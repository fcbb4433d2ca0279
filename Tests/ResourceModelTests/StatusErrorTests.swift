import ResourceModel
import Testing
import WireFormats

@Suite struct StatusErrorTests {
  private let names = ResourceNames(
    group: "deploy.wrktalk.com", version: "v1", kind: "DesiredDeployment", plural: "desireddeployments",
    singular: "desireddeployment")

  @Test func survivesTheWayOverTheWire() {
    let errors = [
      StatusError.notFound(names, "a"), .alreadyExists(names, "a"), .conflict(names, "a"), .expired("too old"),
      .invalid(names, "a", [.required("spec.version"), .invalid("spec.x", "y", "must be z")]),
      StatusError(.tooManyRequests, "slow down", retryAfterSeconds: 3),
    ]
    for error in errors {
      #expect(StatusError(json: error.json) == error)
      #expect(StatusError(httpStatus: error.httpStatus, body: error.json.serialized()) == error)
    }
  }

  @Test func readsAsKubernetesWritesIt() {
    #expect(StatusError.notFound(names, "a").message == #"desireddeployments.deploy.wrktalk.com "a" not found"#)
    #expect(
      StatusError.invalid(names, "a", [.required("spec.version"), .duplicate("spec.x", "y")]).message
        == #"DesiredDeployment.deploy.wrktalk.com "a" is invalid: [spec.version: Required value, spec.x: Duplicate value: "y"]"#
    )
    #expect(
      StatusError.invalid(names, "a", [.required("spec.version")]).json == [
        "apiVersion": "v1", "kind": "Status", "metadata": [:], "status": "Failure", "reason": "Invalid", "code": 422,
        "message": #"DesiredDeployment.deploy.wrktalk.com "a" is invalid: spec.version: Required value"#,
        "details": [
          "name": "a", "kind": "DesiredDeployment", "group": "deploy.wrktalk.com",
          "causes": [["reason": "FieldValueRequired", "message": "Required value", "field": "spec.version"]],
        ],
      ])
  }

  @Test func answersThatAreNoStatusStillSaySomething() {
    let proxy = StatusError(httpStatus: 502, body: Array("<html>bad gateway</html>\nmore".utf8))
    #expect(proxy.reason == .serviceUnavailable)
    #expect(proxy.message == "the server answered 502: <html>bad gateway</html>")
    #expect(StatusError(httpStatus: 404, body: []).message == "the server answered 404")
    #expect(
      StatusError(httpStatus: 200, body: Array(#"{"kind":"Status","status":"Success"}"#.utf8)).reason == .internalError)
    #expect(StatusError(json: ["kind": "Status", "code": 410, "reason": "Gone"])?.reason == .expired)
  }
}
