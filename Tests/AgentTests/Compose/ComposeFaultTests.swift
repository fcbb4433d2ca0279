import ComposeBundles
import TestSupport
import Testing

@testable import Agent

/// What Compose 2.26 and 1.29 printed when each of these went wrong on a real engine.
@Suite struct ComposeFaultTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var phase: ComposeFault.Phase
    var output: String
    var kind: RuntimeFailure.Kind
    var reason: String
    /// What the message must tell.
    var tells: [String]
    /// What it must not.
    var hides: [String] = []
  }

  static let cases: [Case] = [
    Case(
      testDescription: "v2: no such tag", phase: .pull,
      output: """
         media Pulling 
         backend Pulling 
         backend Error manifest for 127.0.0.1:5000/wrktalk/backend:nosuch not found: manifest unknown: manifest unknown
         media Error manifest for 127.0.0.1:5000/wrktalk/backend:nosuch not found: manifest unknown: manifest unknown
        Error response from daemon: manifest for 127.0.0.1:5000/wrktalk/backend:nosuch not found: manifest unknown: manifest unknown
        """,
      kind: .permanent, reason: "ImagePullFailed",
      tells: ["127.0.0.1:5000/wrktalk/backend:nosuch of service backend", "does not exist"], hides: ["Pulling"]),
    Case(
      testDescription: "v1: no such tag", phase: .pull,
      output: """
        Pulling backend ... 
        Pulling media   ... 
        \u{1B}[2A\u{1B}[2KPulling backend ... error\u{1B}[2B
        Pulling media   ... pulling from wrktalk/media
        Pulling media   ... done

        ERROR: for backend  manifest for 127.0.0.1:5000/wrktalk/backend:nosuch not found: manifest unknown: manifest unknown
        manifest for 127.0.0.1:5000/wrktalk/backend:nosuch not found: manifest unknown: manifest unknown
        """,
      kind: .permanent, reason: "ImagePullFailed", tells: ["wrktalk/backend:nosuch of service backend"],
      hides: ["\u{1B}", "Pulling"]),
    Case(
      testDescription: "v2: registry away, and the other pull given up", phase: .pull,
      output: """
         backend Pulling 
         media Pulling 
         media Error Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused
         backend Error Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
        Error response from daemon: Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused
        """,
      kind: .transient, reason: "RegistryUnreachable", tells: ["of service media", "connection refused"]),
    Case(
      testDescription: "v1: registry away", phase: .pull,
      output: """
        Pulling backend ... 
        Pulling backend ... error

        ERROR: for backend  Get "http://127.0.0.1:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused
        Get "http://127.0.0.1:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused
        """,
      kind: .transient, reason: "RegistryUnreachable", tells: ["of service backend"]),
    Case(
      testDescription: "v2: the registry's name does not resolve", phase: .pull,
      output: """
         backend Pulling 
         backend Error Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.1.1.1:53: no such host
        Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.1.1.1:53: no such host
        """,
      kind: .transient, reason: "RegistryUnreachable", tells: ["of service backend", "no such host"]),
    Case(
      testDescription: "v2: no login", phase: .pull,
      output: """
         backend Pulling 
         backend Error Head "http://127.0.0.1:5000/v2/wrktalk/backend/manifests/nosuch": no basic auth credentials
        Error response from daemon: Head "http://127.0.0.1:5000/v2/wrktalk/backend/manifests/nosuch": no basic auth credentials
        """,
      kind: .permanent, reason: "ImagePullFailed", tells: ["of service backend", "docker login 127.0.0.1:5000"]),
    Case(
      testDescription: "v2: port of another container", phase: .up,
      output: """
         Network ce_default  Creating
         Network ce_default  Created
         Container ce-backend-1  Creating
         Container ce-backend-1  Created
         Container ce-backend-1  Starting
        Error response from daemon: driver failed programming external connectivity on endpoint ce-backend-1 (7565eef5a3935a08da383f69e5c2cf124cbe7e036c90373ed2b640bdc22bf8d2): Bind for 0.0.0.0:18980 failed: port is already allocated
        """,
      kind: .permanent, reason: "PortInUse", tells: ["Port 18980 (0.0.0.0:18980) of service backend"]),
    Case(
      testDescription: "v2: port of a program on the host", phase: .up,
      output: """
         Container ce-backend-1  Starting
        Error response from daemon: driver failed programming external connectivity on endpoint ce-backend-1 (e77afc14d2c4): Error starting userland proxy: listen tcp4 0.0.0.0:5000: bind: address already in use
        """,
      kind: .permanent, reason: "PortInUse", tells: ["Port 5000", "service backend"]),
    Case(
      testDescription: "v1: port of another container", phase: .up,
      output: """
        Creating ce_media_1 ... 
        Creating ce_media_1   ... error

        ERROR: for ce_media_1  Cannot start service media: driver failed programming external connectivity on endpoint ce_media_1 (7dc1dd9d7f21): Bind for 0.0.0.0:18980 failed: port is already allocated

        ERROR: for media  Cannot start service media: driver failed programming external connectivity on endpoint ce_media_1 (7dc1dd9d7f21): Bind for 0.0.0.0:18980 failed: port is already allocated
        Encountered errors while bringing up the project.
        """,
      kind: .permanent, reason: "PortInUse", tells: ["Port 18980", "service media"]),
    Case(
      testDescription: "v2: unhealthy dependency", phase: .up,
      output: " Container ce-media-1  Waiting\n Container ce-media-1  Error\n"
        + "dependency failed to start: container ce-media-1 is unhealthy\n",
      kind: .permanent, reason: "WorkloadUnhealthy", tells: ["ce-media-1 is unhealthy"]),
    Case(
      testDescription: "v1: unhealthy dependency", phase: .up,
      output: "\nERROR: for backend  Container \"d42f0363c5a9\" is unhealthy.\n"
        + "Encountered errors while bringing up the project.\n",
      kind: .permanent, reason: "WorkloadUnhealthy", tells: ["d42f0363c5a9"]),
    Case(
      testDescription: "v2: crashed dependency", phase: .up,
      output: "service \"media\" didn't complete successfully: exit 1\n", kind: .permanent, reason: "WorkloadCrashed",
      tells: ["media", "exit 1"]),
    Case(
      testDescription: "v1: crashed dependency", phase: .up,
      output: "\nERROR: for backend  Container \"13439fde63aa\" exited with code 1.\n", kind: .permanent,
      reason: "WorkloadCrashed", tells: ["exited with code 1"]),
    Case(
      testDescription: "v2: no such program in the image", phase: .up,
      output: """
         Container ce-backend-1  Starting
        Error response from daemon: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/nosuch": stat /nosuch: no such file or directory: unknown
        """,
      kind: .permanent, reason: "ComposeUpFailed", tells: ["exec: \"/nosuch\""], hides: ["Starting"]),
    Case(
      testDescription: "v2: a value of the .env in the message", phase: .up,
      output: "Error response from daemon: invalid mount config: hunter2-secret is no path\n", kind: .permanent,
      reason: "ComposeUpFailed", tells: ["*** is no path"], hides: ["hunter2"]),
    Case(
      testDescription: "v2: no space", phase: .pull,
      output:
        "failed to register layer: Error processing tar file(exit status 1): write /bin/busybox: no space left on device\n",
      kind: .transient, reason: "DiskFull", tells: ["Free some"]),
    Case(
      testDescription: "v2: engine away", phase: .up,
      output: "Cannot connect to the Docker daemon at unix:///tmp/nosock.sock. Is the docker daemon running?\n",
      kind: .transient, reason: "EngineUnreachable", tells: ["unix:///var/run/docker.sock"]),
    Case(
      testDescription: "v2: engine's socket not permitted", phase: .pull,
      output: "unable to get image 'r/media:v2': permission denied while trying to connect to the Docker daemon socket "
        + "at unix:///var/run/docker.sock: dial unix /var/run/docker.sock: connect: permission denied\n",
      kind: .transient, reason: "EngineUnreachable", tells: ["unix:///var/run/docker.sock"]),
    Case(
      testDescription: "v1: engine away", phase: .config,
      output: "Traceback (most recent call last):\n  File \"/usr/bin/docker-compose\", line 33, in <module>\n"
        + "docker.errors.DockerException: Error while fetching server API version: ('Connection aborted.', "
        + "FileNotFoundError(2, 'No such file or directory'))\n",
      kind: .transient, reason: "EngineUnreachable", tells: ["unix:///var/run/docker.sock"], hides: ["Traceback"]),
    Case(
      testDescription: "v2: not logged in", phase: .pull,
      output: """
         backend Pulling 
         media Pulling 
         media Error Head "https://127.0.0.1:5000/v2/wrktalk/media/manifests/v1": no basic auth credentials
         backend Error Head "https://127.0.0.1:5000/v2/wrktalk/media/manifests/v1": no basic auth credentials
        Error response from daemon: Head "https://127.0.0.1:5000/v2/wrktalk/media/manifests/v1": no basic auth credentials
        """,
      kind: .permanent, reason: "ImagePullFailed",
      tells: ["127.0.0.1:5000/wrktalk/media:v1 of service media", "docker login 127.0.0.1:5000"]),
    Case(
      testDescription: "v2: an image that no service names is refused", phase: .pull,
      output: "Error response from daemon: Head \"https://r.example/v2/base/os/manifests/3\": denied\n",
      kind: .permanent, reason: "ImagePullFailed", tells: ["The image r.example/base/os:3", "docker login r.example"]),
    Case(
      testDescription: "v2: 403", phase: .pull,
      output: "Error response from daemon: Head \"https://127.0.0.1:5000/v2/wrktalk/media/manifests/v1\": "
        + "received unexpected HTTP status: 403 Forbidden\n",
      kind: .permanent, reason: "ImagePullFailed", tells: ["of service media may not be pulled", "as somebody who may"]),
    Case(
      testDescription: "v2: 429", phase: .pull,
      output: "Error response from daemon: Head \"https://127.0.0.1:5000/v2/wrktalk/media/manifests/v1\": "
        + "toomanyrequests: You have reached your pull rate limit\n",
      kind: .transient, reason: "RegistryUnreachable",
      tells: ["127.0.0.1:5000/wrktalk/media:v1 of service media", "the registry 127.0.0.1:5000", "429"]),
    Case(
      testDescription: "v2: somebody removes a container", phase: .up,
      output: "Error response from daemon: removal of container 0123456789ab is already in progress\n",
      kind: .transient, reason: "EngineBusy", tells: ["removal of container 0123456789ab"]),
    Case(
      testDescription: "v2: a container name is taken by another project", phase: .up,
      output: "Error response from daemon: Conflict. The container name \"/front\" is already in use by container "
        + "\"0123456789abcdef\". You have to remove (or rename) that container to be able to reuse that name.\n",
      kind: .permanent, reason: "ContainerNameInUse",
      tells: ["The container name front of service media", "container 0123456789ab,"]),
    Case(
      testDescription: "v2: the port of a service with a container name", phase: .up,
      output: "Error response from daemon: driver failed programming external connectivity on endpoint front "
        + "(abc): Bind for 127.0.0.1:4310 failed: port is already allocated\n",
      kind: .permanent, reason: "PortInUse", tells: ["Port 4310", "of service media"]),
    Case(
      testDescription: "v2: variable without a value", phase: .config,
      output: "error while interpolating services.backend.image: required variable NOPE is missing a value: set NOPE\n",
      kind: .permanent, reason: "InvalidSettings", tells: ["needs a value of NOPE (set NOPE)"]),
    Case(
      testDescription: "v2: unknown key beside a warning", phase: .config,
      output: "time=\"2026-11-24T02:33:42Z\" level=warning msg=\"the attribute `version` is obsolete\"\n"
        + "validating /w/docker-compose.yaml: services.backend Additional property imagee is not allowed\n",
      kind: .permanent, reason: "InvalidComposeFile", tells: ["Additional property imagee"], hides: ["obsolete"]),
  ]

  /// Compose names the line at which it gave up looking for the end.
  @Test func aQuoteThatIsNotClosedIsNamedByTheLineThatOpensIt() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("A=1\nB=\"x\nC=2\nD=3\n", to: ".env")
    let fault = ComposeFault(
      phase: .config, project: "ce", services: [], endpoint: .standard, mask: SecretMask(values: []),
      settingsFile: file,
      settingsName: "config/.env")
    let failure = fault.failure("failed to read \(file): line 4: unterminated quoted value \"x\n")
    #expect(failure.reason == "InvalidSettings")
    #expect(
      failure.message.hasPrefix("The settings file config/.env cannot be read at line 2: a quote is opened"),
      "\(failure.message)")
  }

  @Test(arguments: cases) func outputBecomesAReasonAndAMessage(example: Case) {
    let services = ["backend:nosuch", "media:v1"].map { image in
      ComposeService(
        name: String(image.prefix { $0 != ":" }), image: "127.0.0.1:5000/wrktalk/\(image)", restart: .always,
        replicas: 1, isAwaitedToComplete: false, containerName: image == "media:v1" ? "front" : nil)
    }
    let fault = ComposeFault(
      phase: example.phase, project: "ce", services: services, endpoint: .standard,
      mask: SecretMask(values: ["hunter2-secret"]))
    let failure = fault.failure(example.output)
    #expect(failure.kind == example.kind)
    #expect(failure.reason == example.reason)
    for text in example.tells { #expect(failure.message.contains(text), "\(failure.message)") }
    for text in example.hides { #expect(!failure.message.contains(text), "\(failure.message)") }
  }
}
