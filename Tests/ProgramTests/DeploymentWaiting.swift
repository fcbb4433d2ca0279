import DeploymentKinds
import ResourceClient
import ResourceModel
import TestSupport
import WireFormats

extension ResourceClient {
  /// Waits, by a watch, until the deployment is as `condition` says.
  /// - Throws: a `ProgramError` that shows the status where that does not come about in time.
  func waitForDeployment(
    _ key: ObjectKey, _ what: String, within limit: Duration,
    _ condition: @escaping @Sendable (DesiredDeployment) -> Bool
  ) async throws -> DesiredDeployment {
    try await withThrowingTaskGroup(of: DesiredDeployment?.self) { group in
      group.addTask {
        while true {
          let now = try await get(DesiredDeploymentKind.self, key)
          if condition(now) { return now }
          let changes = try await watch(
            DesiredDeploymentKind.definition.names, namespace: key.namespace, from: now.metadata.resourceVersion)
          for try await change in changes {
            guard case .modified(let object) = change else { continue }
            let deployment = try object.decoded(as: DesiredDeployment.self)
            if deployment.key == key, condition(deployment) { return deployment }
          }
        }
      }
      group.addTask {
        try await Task.sleep(for: limit)
        return nil
      }
      defer { group.cancelAll() }
      if let found = try await group.next() ?? nil { return found }
      let status = try JSONValue(
        encoding: try await get(DesiredDeploymentKind.self, key).status ?? DesiredDeploymentStatus())
      throw ProgramError(description: "waited \(limit) in vain for: \(what); the status is \(status.text)")
    }
  }

  /// Creates the deployment, or gives it another spec.
  func applyDeployment(_ key: ObjectKey, _ spec: DesiredDeploymentSpec) async throws -> DesiredDeployment {
    while true {
      do throws(ResourceClientError) {
        var current = try await get(DesiredDeploymentKind.self, key)
        current.spec = spec
        return try await replace(current)
      } catch {
        if error.isConflict { continue }
        guard error.isNotFound else { throw error }
        let metadata = ObjectMeta(name: key.name, namespace: key.namespace)
        return try await create(DesiredDeployment(metadata: metadata, spec: spec))
      }
    }
  }

  /// Waits, by a watch, until the deployment is gone.
  func waitUntilDeploymentIsGone(_ key: ObjectKey, within limit: Duration) async throws {
    let isGone = try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        while true {
          let now: DesiredDeployment
          do throws(ResourceClientError) {
            now = try await get(DesiredDeploymentKind.self, key)
          } catch {
            if error.isNotFound { return true }
            throw error
          }
          let changes = try await watch(
            DesiredDeploymentKind.definition.names, namespace: key.namespace, from: now.metadata.resourceVersion)
          for try await case .deleted(let object) in changes
          where try object.decoded(as: DesiredDeployment.self).key == key { return true }
        }
      }
      group.addTask {
        try await Task.sleep(for: limit)
        return false
      }
      defer { group.cancelAll() }
      return try await group.next() ?? false
    }
    guard isGone else {
      let object = try JSONValue(encoding: try await get(DesiredDeploymentKind.self, key))
      throw ProgramError(description: "after \(limit) the deleted deployment is still there: \(object.text)")
    }
  }
}

extension DesiredDeployment {
  /// The present generation runs in full health.
  var isReady: Bool {
    let ready = status?.conditions?[DeploymentCondition.ready]
    return ready?.status == .isTrue && ready?.observedGeneration == metadata.generation
  }

  func condition(_ type: String) -> Condition? { status?.conditions?[type] }
}
