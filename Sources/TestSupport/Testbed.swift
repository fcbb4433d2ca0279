public import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// What the machine offers to tests that need real services. `Tests/Testbed/testbed.sh` brings the services up and names
/// them in environment variables; a suite asks for what it needs:
///
///     @Suite(.needs(.docker)) struct ComposeRuntimeTests { … }
///
/// Where that is missing the suite is skipped with the reason, or, with `WRKTALK_REQUIRE_ALL_SUITES=1`, runs and fails.
public enum Testbed {
  public enum Facility: Sendable, CaseIterable {
    case docker
    case composeV1
    case images
    case s3
    case googleStorage
    case postgresql
    case kubectl
    case kubectl127
    case pythonClients
    case cluster
    case helm3
    case helm4
    case agentImage
    case composeAgentImage
    case backendImage
    case controlCenterImage
    case hostAddress
    case browser

    /// The variable that says that the facility is there, and where.
    public var variable: String {
      switch self {
      case .docker: "WRKTALK_TEST_DOCKER_HOST"
      case .composeV1: "WRKTALK_TEST_COMPOSE_V1"
      case .images: "WRKTALK_TEST_IMAGES"
      case .s3: "WRKTALK_TEST_S3_ENDPOINT"
      case .googleStorage: "WRKTALK_TEST_GCS_ENDPOINT"
      case .postgresql: "WRKTALK_TEST_POSTGRESQL_BIN"
      case .kubectl: "WRKTALK_TEST_KUBECTL"
      case .kubectl127: "WRKTALK_TEST_KUBECTL_1_27"
      case .pythonClients: "WRKTALK_TEST_PYTHON_CLIENTS"
      case .cluster: "WRKTALK_TEST_KUBECONFIG"
      case .helm3: "WRKTALK_TEST_HELM3"
      case .helm4: "WRKTALK_TEST_HELM4"
      case .agentImage: "WRKTALK_TEST_AGENT_IMAGE"
      case .composeAgentImage: "WRKTALK_TEST_COMPOSE_AGENT_IMAGE"
      case .backendImage: "WRKTALK_TEST_BACKEND_IMAGE"
      case .controlCenterImage: "WRKTALK_TEST_GCC_IMAGE"
      case .hostAddress: "WRKTALK_TEST_HOST_ADDRESS"
      case .browser: "WRKTALK_TEST_CHROMEDRIVER"
      }
    }

    var name: String {
      switch self {
      case .docker: "a Docker engine with Compose"
      case .composeV1: "docker-compose 1"
      case .images: "the testbed's application images"
      case .s3: "an S3 server"
      case .googleStorage: "a server of Google's storage API"
      case .postgresql: "PostgreSQL's server programs"
      case .kubectl: "kubectl 1.34"
      case .kubectl127: "kubectl 1.27"
      case .pythonClients: "Kubernetes' clients in Python"
      case .cluster: "a Kubernetes cluster"
      case .helm3: "Helm 3"
      case .helm4: "Helm 4"
      case .agentImage: "images of the programs"
      case .composeAgentImage: "an image of the Agent with Compose"
      case .backendImage: "an image of the Backend"
      case .controlCenterImage: "an image of the vendor's server"
      case .hostAddress: "a cluster whose pods reach this machine"
      case .browser: "Chromium with its driver"
      }
    }
  }

  /// A variable of the environment; nil where it is unset or empty.
  public static func variable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
  }

  public static var demandsEverySuite: Bool { variable("WRKTALK_REQUIRE_ALL_SUITES") == "1" }

  /// Whether tests that try the same in several ways are to share those out.
  public static var isShortRun: Bool { variable("WRKTALK_TEST_RUN") == "short" }

  public static func offers(_ facility: Facility) -> Bool { variable(facility.variable) != nil }

  /// What `facility` is reached by.
  /// - Throws: where the machine does not offer it.
  public static func location(of facility: Facility) throws -> String {
    guard let value = variable(facility.variable) else { throw MissingFacility(facility: facility) }
    return value
  }

  /// The folder that the test program was built into, where the executables of the package lie too.
  public static var binariesFolder: String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
    let bytes = buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }
    let path = String(decoding: bytes, as: UTF8.self)
    return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
  }

  /// The path of one of the package's executables, as built with the tests.
  public static func program(_ name: String) -> String { "\(binariesFolder)/\(name)" }

  /// The repository's root, found from where this file was compiled.
  public static var repository: String {
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
  }

  public struct MissingFacility: Error, CustomStringConvertible {
    public var facility: Facility
    public var description: String {
      "this test needs \(facility.name), and \(facility.variable) names none; run Tests/Testbed/testbed.sh up"
    }
  }
}

extension Trait where Self == ConditionTrait {
  /// Runs a test or suite only where the testbed offers `facility`; always where every suite is demanded.
  public static func needs(_ facility: Testbed.Facility) -> Self {
    .enabled(
      if: Testbed.offers(facility) || Testbed.demandsEverySuite,
      "needs \(facility.name): run Tests/Testbed/testbed.sh up")
  }
}
