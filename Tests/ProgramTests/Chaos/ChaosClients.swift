import CoreKinds
import DeploymentKinds
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import WireFormats

/// Writes its own objects, one write after the other: makes, counts up and deletes Leases.
struct ChaosWriter {
  let number: Int
  /// Each write goes through one of them.
  let clients: [ResourceClient]
  let record: ChaosRecord
  var namespace = "chaos"
  var objectCount = 6
  let isEnding: @Sendable () -> Bool

  private static let names = LeaseKind.definition.names

  func run(_ generator: SeededGenerator) async throws {
    var generator = generator
    var objects = (0..<objectCount).map { ObjectKey(namespace: namespace, name: "w\(number)-\($0)") }
    objects.shuffle(using: &generator)
    var sequence: Int64 = 0
    while !isEnding() {
      let key = objects[Int.random(in: 0..<objects.count, using: &generator)]
      sequence += 1
      do {
        guard let client = clients.randomElement(using: &generator) else { return }
        try await writeOnce(key, sequence, delete: Int.random(in: 0..<5, using: &generator) == 0, client)
      } catch is CancellationError {
        return
      } catch {
        // Nothing is known now but what can be read once the Backend answers again.
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  private func writeOnce(_ key: ObjectKey, _ sequence: Int64, delete: Bool, _ client: ResourceClient) async throws {
    let current: JSONValue?
    do throws(ResourceClientError) {
      current = try await client.get(Self.names, key)
    } catch {
      guard error.isNotFound else { throw error }
      current = nil
    }
    guard var object = current else {
      let padding = String(repeating: "p", count: Int(sequence % 16) * 500)
      let fresh: JSONValue = [
        "metadata": ["name": .string(key.name), "annotations": ["padding": .string(padding)]],
        "spec": ["leaseTransitions": .integer(sequence)],
      ]
      return try await noting(.added, key, sequence) { () async throws(ResourceClientError) in
        try await client.create(Self.names, namespace: key.namespace, fresh)
      }
    }
    let previous = object["spec"]?["leaseTransitions"]?.integer ?? 0
    if delete {
      // The answer says nothing of the revision; the watchers agree on it.
      do throws(ResourceClientError) {
        _ = try await client.delete(Self.names, key)
      } catch {
        record.note(.deleted, key.name, previous, revision: ChaosRecord.unanswered)
        throw error
      }
      record.note(.deleted, key.name, previous, revision: ChaosRecord.unnumbered)
      return
    }
    object["spec"]?["leaseTransitions"] = .integer(sequence)
    let changed = object
    try await noting(.modified, key, sequence) { () async throws(ResourceClientError) in
      try await client.replace(Self.names, key, changed)
    }
  }

  private func noting(
    _ kind: ChaosRecord.Sighting.Kind, _ key: ObjectKey, _ sequence: Int64,
    _ write: () async throws(ResourceClientError) -> JSONValue
  ) async throws {
    do throws(ResourceClientError) {
      let revision = try await write()["metadata"]?["resourceVersion"]?.string.flatMap { Int64($0) }
      record.note(kind, key.name, sequence, revision: revision ?? ChaosRecord.unnumbered)
    } catch {
      record.note(kind, key.name, sequence, revision: ChaosRecord.unanswered)
      throw error
    }
  }
}

/// Watches all Leases, from where it was whenever it was cut off.
final class ChaosWatcher: Sendable {
  private struct State {
    var sightings: [ChaosRecord.Sighting] = []
    var position: String
    var problem: String?
  }

  private let state: Mutex<State>

  init(from position: String) { state = Mutex(State(position: position)) }

  var sightings: [ChaosRecord.Sighting] { state.withLock(\.sightings) }
  var problem: String? { state.withLock(\.problem) }
  var position: Int64 { state.withLock { Int64($0.position) ?? 0 } }

  /// - Parameters:
  ///   - clients: the first is watched through; whenever it is cut off, the next.
  ///   - namespace: nil for all.
  func run(_ clients: [ResourceClient], namespace: String? = "chaos") async {
    var cuts = 0
    while !Task.isCancelled {
      do throws(ResourceClientError) {
        let client = clients[cuts % clients.count]
        cuts += 1
        let from = state.withLock(\.position)
        for try await event in try await client.watch(LeaseKind.definition.names, namespace: namespace, from: from) {
          note(event)
        }
      } catch {
        if error.isExpired {
          state.withLock { $0.problem = "a watcher was to list again: \(error)" }
          return
        }
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  private func note(_ event: WatchEvent<JSONValue>) {
    switch event {
    case .added(let object): note(.added, object)
    case .modified(let object): note(.modified, object)
    case .deleted(let object): note(.deleted, object)
    case .bookmark(let version): state.withLock { $0.position = version }
    }
  }

  private func note(_ kind: ChaosRecord.Sighting.Kind, _ object: JSONValue) {
    let version = object["metadata"]?["resourceVersion"]?.string ?? ""
    let sighting = ChaosRecord.Sighting(
      kind: kind, name: object["metadata"]?["name"]?.string ?? "",
      sequence: object["spec"]?["leaseTransitions"]?.integer ?? 0, revision: Int64(version) ?? 0)
    state.withLock { state in
      state.sightings.append(sighting)
      state.position = version
    }
  }
}
