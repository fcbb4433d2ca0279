public import DeploymentKinds
public import DeploymentPlanning
public import ResourceClient
import WireFormats

/// What the Agent asks of the Backend besides desired deployments (spec §14.3).
public protocol BackendServices: Sendable {
  func license() async -> DeploymentFacts.License
  func add(_ setting: DesiredDeploymentSpec.Setting) async throws(BackendServiceError)
}

/// Why the Backend did not do what it was asked; the message names no secret.
public struct BackendServiceError: Error, Sendable, Hashable {
  public var message: String

  public init(message: String) { self.message = message }
}

/// For a source that offers neither licences nor settings: a plain Kubernetes API server.
public struct NoBackendServices: BackendServices {
  public init() {}

  public func license() async -> DeploymentFacts.License { .notOffered }

  public func add(_ setting: DesiredDeploymentSpec.Setting) async throws(BackendServiceError) {
    throw BackendServiceError(message: "the Agent reads from a Kubernetes API server, which keeps no settings")
  }
}

extension ResourceClient: BackendServices {
  public func license() async -> DeploymentFacts.License { await licenseStatement().claim }

  func licenseStatement() async -> LicenseStatement {
    do throws(ResourceClientError) {
      return LicenseStatement(try await get(path: "/internal/license/status"))
    } catch {
      if error.isNotFound { return LicenseStatement(claim: .notOffered) }
      return LicenseStatement(claim: .unavailable(message: "The licence could not be checked: \(error)"))
    }
  }

  public func add(_ setting: DesiredDeploymentSpec.Setting) async throws(BackendServiceError) {
    do throws(ResourceClientError) {
      _ = try await post(
        path: "/internal/config", body: ["key": .string(setting.key), "value": .string(setting.value)])
    } catch {
      throw BackendServiceError(message: error.description)
    }
  }
}
