import ResourceClient
import ResourceModel
import WireFormats

/// Follows one object as it changes, through broken connections and forgotten versions.
struct ObjectFollower {
  let session: Session
  let names: ResourceNames
  let key: ObjectKey

  private var selector: ObjectSelector { ObjectSelector(fields: [.equals(path: "metadata.name", value: key.name)]) }

  /// Calls `look` with the object as it is, and again after each change, until it returns true.
  /// - Parameter look: gets nil while there is no such object.
  func follow(_ look: (JSONValue?) throws(CommandFailure) -> Bool) async throws {
    var outage = Outage()
    var isFirstRequest = true
    while true {
      do {
        let list = try await session.client.list(names, namespace: key.namespace, selector: selector)
        outage.end()
        isFirstRequest = false
        if try look(list.items.first) { return }
        if try await watch(from: list.resourceVersion, look) { return }
      } catch let error as ResourceClientError {
        try await outage.wait(error, isFirstRequest: isFirstRequest, session: session)
      }
    }
  }

  /// Watches, one watch after the other, until `look` returns true.
  private func watch(from start: String, _ look: (JSONValue?) throws(CommandFailure) -> Bool) async throws -> Bool {
    var version = start
    while true {
      let began = ContinuousClock.now
      let stream = try await session.client.watch(names, namespace: key.namespace, selector: selector, from: version)
      for try await event in stream {
        switch event {
        case .added(let object), .modified(let object):
          version = object["metadata"]?["resourceVersion"]?.string ?? version
          if try look(object) { return true }
        case .deleted(let object):
          version = object["metadata"]?["resourceVersion"]?.string ?? version
          if try look(nil) { return true }
        case .bookmark(let next): version = next
        }
      }
      // A server that ends every watch at once is not asked without a pause.
      if ContinuousClock.now - began < .seconds(1) { try await Task.sleep(for: .seconds(1)) }
    }
  }
}
