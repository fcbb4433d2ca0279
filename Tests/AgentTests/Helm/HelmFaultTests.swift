import ComposeBundles
import ResourceClient
import ResourceModel
import Testing

@testable import Agent

struct HelmFaultTests {
  @Test(arguments: [
    ("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress", "HelmBusy", true, false),
    (
      "Error: Kubernetes cluster unreachable: Get \"https://x\": dial tcp: connection refused", "ClusterUnreachable",
      true, false
    ),
    (
      "Error: UPGRADE FAILED: pre-upgrade hooks failed: 1 error occurred:\n\t* job migrate failed: BackoffLimitExceeded\n\n",
      "HookFailed", false, true
    ),
    ("Error: UPGRADE FAILED: timed out waiting for the condition", "Timeout", false, true),
    ("Error: UPGRADE FAILED: context deadline exceeded", "Timeout", false, true),
    (
      "Error: UPGRADE FAILED: deployments.apps is forbidden: User \"u\" cannot create", "ClusterAccessDenied", false,
      false
    ),
    (
      "Error: Unable to continue with install: ConfigMap \"a\" exists and cannot be imported into the current release",
      "ObjectNotOwned", false, false
    ),
    ("Error: execution error at (wrktalk/templates/a.yaml:1:3): x is required", "InvalidChart", false, false),
    ("Error: values don't meet the specifications of the schema(s)", "InvalidValues", false, false),
    (
      "Error: UPGRADE FAILED: Deployment.apps \"a\" is invalid: spec.selector: field is immutable", "InvalidManifest",
      false, false
    ),
    ("Error: something new", "HelmFailed", false, false),
    (
      "Error: UPGRADE FAILED: cannot patch \"m\" with kind Job: Job.batch \"m\" is invalid: spec.template: field is immutable",
      "InvalidManifest", false, false
    ),
    ("Error: execution error at (a.yaml:1:3): the database refused: connection refused", "InvalidChart", false, false),
    ("Error: INSTALLATION FAILED: template: a/templates/b.yaml:3:4: executing \"b\"", "InvalidChart", false, false),
    (
      "Error: INSTALLATION FAILED: failed pre-install: jobs.batch \"m\" already exists", "HookFailed", false, false
    ),
    (
      "Error: INSTALLATION FAILED: failed pre-install: Job.batch \"m\" is invalid: spec.template.spec.restartPolicy: Required value",
      "HookFailed", false, false
    ),
    (
      "Error: INSTALLATION FAILED: create: failed to create: etcdserver: request is too large", "ReleaseTooLarge",
      false,
      false
    ),
    ("Error: UPGRADE FAILED: etcdserver: leader changed", "ClusterUnreachable", true, false),
    (
      "Error: Internal error occurred: failed calling webhook \"v.example.com\": Post \"https://s.n.svc:443/v\": dial tcp 10.0.0.1:443: connect: connection refused",
      "WebhookUnavailable", true, false
    ),
    (
      "Error: admission webhook \"v.example.com\" denied the request: no", "AdmissionDenied", false, false
    ),
    (
      "Error: pods \"a\" is forbidden: exceeded quota: q, requested: pods=1", "QuotaExceeded", false, false
    ),
    (
      "Error: secrets \"a\" is forbidden: unable to create new content in namespace n because it is being terminated",
      "NamespaceTerminating", false, false
    ),
    ("Error: query: failed to query with labels: Unauthorized", "ClusterAccessDenied", true, false),
  ])
  func helmsWordsBecomeAReason(_ output: String, _ reason: String, _ isTransient: Bool, _ mayBeWorkload: Bool) {
    let (failure, asksWorkloads) = HelmFault.failure("W1125 warning\n" + output, mask: SecretMask(values: []))
    #expect(failure.reason == reason)
    #expect((failure.kind == .transient) == isTransient)
    #expect(asksWorkloads == mayBeWorkload)
    #expect(!failure.message.contains("warning") && !failure.message.contains("Error:"))
  }

  @Test func theObjectAndTheCauseStandAtTheHeadAndWholeObjectsAreLeftOut() {
    let dump =
      #"core.PodTemplateSpec{ObjectMeta:v1.ObjectMeta{Name:"", Labels:map[string]string{"a":"b"}}, Env:[]core.EnvVar(nil)}"#
    let (failure, _) = HelmFault.failure(
      "Error: UPGRADE FAILED: cannot patch \"m\" with kind Job: Job.batch \"m\" is invalid: spec.template: "
        + "Invalid value: \(dump): field is immutable",
      mask: SecretMask(values: []))
    #expect(
      failure.message == "Helm: UPGRADE FAILED: cannot patch \"m\" with kind Job: Job.batch \"m\" is invalid: "
        + "spec.template: Invalid value: …: field is immutable")
    let long = HelmFault.failure(
      "Error: the object\n" + String(repeating: "and more\n", count: 1000), mask: SecretMask(values: [])
    ).failure.message
    #expect(long.hasPrefix("Helm: the object\nand more") && long.count < 1600)
  }

  @Test func aFileOfValuesIsNamedByItsPlaceInTheSpec() {
    let (failure, _) = HelmFault.failure(
      "Error: failed to parse /var/lib/x/values-0: yaml: line 2", mask: SecretMask(values: []))
    #expect(failure.reason == "InvalidValues")
    #expect(failure.message == "Helm: failed to parse spec.helm.valuesFrom[0]: yaml: line 2")
    let own = HelmFault.failure(
      "Error: failed to parse /var/lib/x/.agent/work/8f829b723fd9c6e5/config: yaml: line 1",
      mask: SecretMask(values: [])
    ).failure
    #expect(own.message == "Helm: failed to parse the file of spec.helm.valuesPath: yaml: line 1")
  }

  /// Where each letter were looked at anew from each other, this would take long.
  @Test(arguments: ["a", "aA", "hook pre-", "[]core.", "/values-", "x/values-0a", "/.agent/work/a", "{", "a.B{"])
  func aLongTextWithoutSpacesIsReadInOneGo(_ piece: String) {
    let text = String(repeating: piece, count: (64 << 10) / piece.count)
    let (failure, _) = HelmFault.failure("Error: " + text, mask: SecretMask(values: []))
    #expect(failure.message.hasPrefix("Helm: ") && failure.message.count < 1600)
  }

  @Test(arguments: [
    ("x /a/values-1: b", "x spec.helm.valuesFrom[1]: b"), ("\"/a/values-12\"", "\"spec.helm.valuesFrom[12]\""),
    ("/a/values-b /a/values-0.", "/a/values-b spec.helm.valuesFrom[0]."), ("/a/values-1b", "/a/values-1b"),
    ("x []core.EnvVar{a{b}c} y", "x … y"), ("x &v1.Pod{a", "x …"), ("map[string]string{} y", "… y"),
    ("x {a} y", "x {a} y"), ("Core.pod{a}", "Core.pod{a}"), ("1core.Pod{a}{b}", "1…{b}"),
  ])
  func onlyFilesAndWholeObjectsAreReplaced(_ output: String, _ expected: String) {
    let (failure, _) = HelmFault.failure("Error: \(output)", mask: SecretMask(values: []))
    #expect(failure.message == "Helm: \(expected)")
  }

  @Test(arguments: [
    (StatusError(.forbidden, "pods \"a\" is forbidden: exceeded quota: q"), "QuotaExceeded"),
    (StatusError(.forbidden, "a is forbidden: because it is being terminated"), "NamespaceTerminating"),
    (StatusError(.forbidden, "User \"u\" cannot patch resource"), "ClusterAccessDenied"),
    (StatusError(.unauthorized, "Unauthorized"), "ClusterAccessDenied"),
    (StatusError(.internalError, "failed to create typed patch object"), "ClusterRefused"),
    (StatusError(.internalError, "Internal error occurred: failed calling webhook \"w\""), "WebhookUnavailable"),
    (StatusError(.notFound, "https://x has no such path; check"), "UnknownKind"),
    (StatusError(.serviceUnavailable, "later"), "ClusterUnreachable"),
  ])
  func anAnswerOfTheClusterIsNotCalledNone(_ error: StatusError, _ reason: String) {
    let failure = RuntimeFailure(ResourceClientError.status(error), "Deployment a")
    #expect(failure.reason == reason)
    #expect(!failure.message.contains("gave no answer"))
  }

  @Test func whatIsSecretIsTakenOut() {
    let (failure, _) = HelmFault.failure("Error: cannot use geheim42", mask: SecretMask(values: ["geheim42"]))
    #expect(failure.message == "Helm: cannot use ***")
  }
}
