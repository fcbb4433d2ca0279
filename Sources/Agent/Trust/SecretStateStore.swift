import Compression
import Cryptography
public import ResourceClient
public import ResourceModel
import Synchronization
import WireFormats

/// Keeps an Agent's documents in a Secret, for an Agent whose files end with its pod. Only this Agent may read and write it.
///
/// A document's key in it is its name and `.gz`: what is kept of many records has room in one Secret only when it is packed.
/// Each write names the version that it changes. What another Agent has written meanwhile makes it fail, and is then read.
public final class SecretStateStore: StateStore {
  private struct Version {
    /// Nil where there is no such Secret.
    var known: String?
  }

  private let client: ResourceClient
  private let key: ObjectKey
  private let version = Mutex(Version())

  /// An API server takes 1 MiB of data, as they are before base 64.
  static let maximumByteCount = 1_000_000
  static let maximumDocumentByteCount = 8 << 20
  static let suffix = ".gz"

  public init(client: ResourceClient, secret: ObjectKey) {
    self.client = client
    key = secret
  }

  public var place: String { "the Secret \(key)" }
  public var removal: String { "kubectl delete secret --namespace \(key.namespace) \(key.name)" }

  public func load() async throws(RuntimeFailure) -> [String: [UInt8]] {
    let secret: JSONValue
    do throws(ResourceClientError) {
      secret = try await client.get(KubernetesResources.secrets, key)
    } catch {
      guard error.isNotFound else { throw RuntimeFailure(error, place) }
      version.withLock { $0.known = nil }
      return [:]
    }
    var documents: [String: [UInt8]] = [:]
    for (name, content) in secret["data"]?.object ?? [:] {
      // What cannot be decoded is no document that this Agent wrote: it is read as a damaged one.
      let stored = content.string.flatMap { Base64.decode($0) }
      let isPacked = name.hasSuffix(Self.suffix)
      let document =
        isPacked
        ? stored.flatMap { try? GzipDecoder.decompress($0, maximumByteCount: Self.maximumDocumentByteCount) } : stored
      documents[isPacked ? String(name.dropLast(Self.suffix.count)) : name] = document ?? Array("?".utf8)
    }
    version.withLock { $0.known = secret["metadata"]?["resourceVersion"]?.string }
    return documents
  }

  private func tooLarge(_ byteCount: Int) -> RuntimeFailure {
    RuntimeFailure(
      kind: .transient, reason: "StateTooLarge",
      message: "\(place) would have \(byteCount) bytes, and at most \(Self.maximumByteCount) are kept in it: let the "
        + "Agent of this namespace look after fewer records")
  }

  public func write(
    _ changes: [(name: String, content: [UInt8]?)], leaving documents: [String: [UInt8]]
  ) async throws(RuntimeFailure) {
    var data: [String: JSONValue] = [:]
    var byteCount = 0
    for (name, content) in documents {
      guard content.count <= Self.maximumDocumentByteCount else { throw tooLarge(content.count) }
      let packed = GzipEncoder(level: 6).finish(content)
      byteCount += name.utf8.count + packed.count
      data[name + Self.suffix] = .string(Base64.encode(packed))
    }
    guard byteCount <= Self.maximumByteCount else { throw tooLarge(byteCount) }
    let known = version.withLock { $0.known }
    var secret: JSONValue = [
      "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
      "metadata": ["name": .string(key.name), "namespace": .string(key.namespace)],
      "data": .object(data),
    ]
    if let known { secret["metadata"]?["resourceVersion"] = .string(known) }
    do throws(ResourceClientError) {
      let written =
        known == nil
        ? try await client.create(KubernetesResources.secrets, namespace: key.namespace, secret)
        : try await client.replace(KubernetesResources.secrets, key, secret)
      version.withLock { $0.known = written["metadata"]?["resourceVersion"]?.string }
    } catch {
      if error.isConflict || error.isNotFound || error.reason == .alreadyExists {
        throw RuntimeFailure(
          kind: .transient, reason: "StateChanged", message: "\(place) was changed by somebody else: it is read anew")
      }
      throw RuntimeFailure(error, place)
    }
  }
}
