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
  ])
  func helmsWordsBecomeAReason(_ output: String, _ reason: String, _ isTransient: Bool, _ mayBeWorkload: Bool) {
    let (failure, asksWorkloads) = HelmFault.failure("W1125 warning\n" + output, mask: SecretMask(values: []))
    #expect(failure.reason == reason)
    #expect((failure.kind == .transient) == isTransient)
    #expect(asksWorkloads == mayBeWorkload)
    #expect(!failure.message.contains("warning") && !failure.message.contains("Error:"))
  }

  @Test func whatIsSecretIsTakenOut() {
    let (failure, _) = HelmFault.failure("Error: cannot use geheim42", mask: SecretMask(values: ["geheim42"]))
    #expect(failure.message == "Helm: cannot use ***")
  }
}
