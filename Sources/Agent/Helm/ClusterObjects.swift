import DeploymentPlanning
import Logging
import ResourceClient
import ResourceModel
import Synchronization
import WireFormats

/// The releases of a cluster's namespaces and their live objects, kept up to date by watches, so that looking at them
/// costs no request.
///
/// A watch begins when somebody first asks for its kind, and ends when nobody listens any more.
final class ClusterObjects: Sendable {
  /// What one watch is about.
  private struct Subject: Hashable {
    var names: ResourceNames
    /// Empty for a kind of the whole cluster.
    var namespace: String
    var content = Content.objects
  }

  private enum Content: Hashable {
    /// What Helm made, whole: it labels all of it.
    case objects
    /// Helm's own Secrets, of which the labels say enough.
    case revisions

    var selector: ObjectSelector {
      switch self {
      case .objects: ObjectSelector(labels: [.equals(key: "app.kubernetes.io/managed-by", value: "Helm")])
      case .revisions: ObjectSelector(labels: [.equals(key: "owner", value: "helm")])
      }
    }

    var representation: Representation {
      switch self {
      case .objects: .object
      case .revisions: .metadata
      }
    }

    /// To which release an object belongs.
    func release(of object: JSONValue) -> String? {
      let metadata = object["metadata"]
      return switch self {
      case .objects: metadata?["annotations"]?["meta.helm.sh/release-name"]?.string
      case .revisions: metadata?["labels"]?["name"]?.string
      }
    }
  }

  private struct Watch {
    var informer: Informer<JSONValue>
    var task: Task<Void, Never>
  }

  private struct Listener {
    var release: String
    var namespace: String
    var signal: AsyncStream<Void>.Continuation
  }

  private struct State {
    var watches: [Subject: Watch] = [:]
    var listeners: [Int: Listener] = [:]
    var nextListener = 0
  }

  let client: ResourceClient
  private let discovery: APIDiscovery
  private let logger: Logger
  private let state = Mutex(State())

  /// For how long a copy whose watch is broken is still used.
  private static let staleness = Duration.seconds(30)

  init(client: ResourceClient, discovery: APIDiscovery, logger: Logger) {
    self.client = client
    self.discovery = discovery
    self.logger = logger
  }

  deinit { for watch in state.withLock({ $0.watches }).values { watch.task.cancel() } }

  // MARK: Listening

  /// Yields whenever something of the release may have changed. Once nobody listens any more the watches end.
  func changes(release: String, namespace: String) -> AsyncStream<Void> {
    let (stream, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let id = state.withLock { state in
      state.nextListener += 1
      state.listeners[state.nextListener] = Listener(release: release, namespace: namespace, signal: signal)
      return state.nextListener
    }
    signal.onTermination = { [weak self] _ in self?.leave(id) }
    return stream
  }

  private func leave(_ id: Int) {
    let ended = state.withLock { state -> [Subject: Watch] in
      state.listeners[id] = nil
      guard state.listeners.isEmpty else { return [:] }
      defer { state.watches = [:] }
      return state.watches
    }
    for watch in ended.values { watch.task.cancel() }
  }

  /// - Parameter release: nil where it is not known which one it was.
  private func wake(release: String?, namespace: String) {
    let signals = state.withLock { state in
      state.listeners.values.filter { listener in
        (namespace.isEmpty || listener.namespace == namespace) && (release == nil || listener.release == release)
      }.map(\.signal)
    }
    for signal in signals { signal.yield() }
  }

  // MARK: Reading

  /// The revisions of a release as their Secrets' labels tell them, the newest first; the charts' versions are not among
  /// these.
  func revisions(release: String, namespace: String) async throws(RuntimeFailure) -> [RevisionLabel] {
    let informer = informer(Subject(names: KubernetesResources.secrets, namespace: namespace, content: .revisions))
    try await synced(informer, "the Secrets of namespace \(namespace)")
    return RevisionLabel.newestFirst(informer.objects.values, of: release)
  }

  /// The live objects beside those of a manifest; nil where there is none.
  /// - Throws: where a kind cannot be read; the Agent must not take what it may not see for missing.
  func live(_ objects: [ManifestObject]) async throws(RuntimeFailure) -> [JSONValue?] {
    var found: [JSONValue?] = []
    for object in objects {
      do throws(RuntimeFailure) {
        guard let (informer, key) = try await informer(for: object) else {
          found.append(nil)
          continue
        }
        found.append(informer.object(key))
      } catch {
        // With its definition all objects of a kind go.
        guard error.reason == RuntimeFailure.unknownKind else { throw error }
        found.append(nil)
      }
    }
    return found
  }

  /// The kind of an object as the API server serves it, and the object's key; nil where the server does not know the
  /// kind.
  func resource(of object: ManifestObject) async throws(RuntimeFailure) -> (ResourceNames, ObjectKey)? {
    let resource: DiscoveredResource?
    do throws(ResourceClientError) {
      resource = try await discovery.names(apiVersion: object.apiVersion, kind: object.kind)
    } catch {
      throw RuntimeFailure(error, "the kinds of \(object.apiVersion)")
    }
    guard let resource else { return nil }
    return (
      resource.names, ObjectKey(namespace: resource.isNamespaced ? object.namespace : "", name: object.name)
    )
  }

  private func informer(for object: ManifestObject) async throws(RuntimeFailure) -> (Informer<JSONValue>, ObjectKey)? {
    guard let (names, key) = try await resource(of: object) else { return nil }
    let informer = informer(Subject(names: names, namespace: key.namespace))
    try await synced(informer, "\(names.plural)\(key.namespace.isEmpty ? "" : " of namespace \(key.namespace)")")
    return (informer, key)
  }

  private func synced(_ informer: Informer<JSONValue>, _ what: String) async throws(RuntimeFailure) {
    if informer.hasSynced {
      // What a broken watch showed last may be long untrue.
      guard let problem = informer.problem(lasting: Self.staleness) else { return }
      throw RuntimeFailure(problem, what)
    }
    let problem: ResourceClientError?
    do { problem = try await informer.waitForSyncOrProblem() } catch { throw .stopped }
    if let problem { throw RuntimeFailure(problem, what) }
  }

  /// True while the releases of a namespace cannot be watched for want of an answer.
  func isOut(namespace: String) -> Bool {
    let subject = Subject(names: KubernetesResources.secrets, namespace: namespace, content: .revisions)
    return state.withLock { $0.watches[subject]?.informer.problem?.isTransient == true }
  }

  // MARK: Watches

  private func informer(_ subject: Subject) -> Informer<JSONValue> {
    state.withLock { state in
      if let known = state.watches[subject] { return known.informer }
      let watch = watch(subject)
      state.watches[subject] = watch
      return watch.informer
    }
  }

  private func watch(_ subject: Subject) -> Watch {
    let informer = Informer<JSONValue>(
      subject.names, client: client, namespace: subject.namespace.isEmpty ? nil : subject.namespace,
      selector: subject.content.selector, representation: subject.content.representation, decode: Self.trimmed,
      logger: logger)
    let task = Task { [weak self] in
      async let running: Void = informer.run()
      for await key in informer.changes {
        self?.wake(release: informer.object(key).flatMap(subject.content.release), namespace: subject.namespace)
      }
      await running
    }
    return Watch(informer: informer, task: task)
  }

  /// Without what is long and of no use here.
  @Sendable static func trimmed(_ object: JSONValue) -> JSONValue? {
    var object = object
    object["metadata"]?["managedFields"] = nil
    object["metadata"]?["annotations"]?["kubectl.kubernetes.io/last-applied-configuration"] = nil
    return object
  }
}

/// What the labels of a release's Secret say.
struct RevisionLabel: Sendable, Hashable {
  var release: String
  var number: Int64
  var status: HelmObservation.Status
  /// When Helm last wrote it, in seconds since 1970.
  var writtenAt: Int64
  /// Names the run of Helm that made it, where an Agent did that.
  var operation: String?
  var secret: ObjectKey
  var resourceVersion: String

  /// The label that tells the runs of Helm apart.
  static let operationLabel = "deploy.wrktalk.com/operation"

  /// The revisions of one release among Secrets.
  static func newestFirst(_ secrets: some Sequence<JSONValue>, of release: String) -> [RevisionLabel] {
    secrets.compactMap(RevisionLabel.init).filter { $0.release == release }.sorted { $0.number > $1.number }
  }

  /// Nil for a Secret that is no release of Helm.
  init?(_ secret: JSONValue) {
    let metadata = secret["metadata"]
    guard let labels = metadata?["labels"], labels["owner"]?.string == "helm", let release = labels["name"]?.string,
      let number = labels["version"]?.string.flatMap({ Int64($0) }), (1...Int64(Int32.max)).contains(number),
      let name = metadata?["name"]?.string, name == HelmReleaseRecord.secretName(release: release, revision: number)
    else { return nil }
    self.release = release
    self.number = number
    status = HelmObservation.Status(rawValue: labels["status"]?.string ?? "") ?? .unknown
    func seconds(_ label: String) -> Int64 { labels[label]?.string.flatMap { Int64($0) } ?? 0 }
    writtenAt = max(seconds("createdAt"), seconds("modifiedAt"))
    operation = labels[Self.operationLabel]?.string
    self.secret = ObjectKey(namespace: metadata?["namespace"]?.string ?? "", name: name)
    resourceVersion = metadata?["resourceVersion"]?.string ?? ""
  }
}

extension RuntimeFailure {
  static let unknownKind = "UnknownKind"

  /// - Parameter what: what was to be read or written.
  init(_ error: ResourceClientError, _ what: String) {
    if error.isCancellation {
      self = .stopped
      return
    }
    func failure(_ reason: String, _ message: String) -> RuntimeFailure {
      RuntimeFailure(kind: .transient, reason: reason, message: message)
    }
    guard let answer = error.reason else {
      self = failure("ClusterUnreachable", "The cluster gave no answer about \(what): \(error)")
      return
    }
    let text = "\(error)"
    switch answer {
    case .forbidden where text.contains("exceeded quota") || text.contains("failed quota"):
      self = failure("QuotaExceeded", "The namespace's quota does not admit \(what): \(error)")
    case .forbidden where text.contains("because it is being terminated"):
      self = failure("NamespaceTerminating", "\(what) cannot be made in a namespace that is being deleted: \(error)")
    case .forbidden where text.contains("admission webhook") || text.contains("violates PodSecurity"):
      self = failure("AdmissionDenied", "The cluster does not admit \(what): \(error)")
    case .forbidden:
      self = failure("ClusterAccessDenied", "The Agent may not use \(what): \(error). Extend its Role")
    case .unauthorized:
      self = failure("ClusterAccessDenied", "The cluster does not accept the Agent, which asked for \(what): \(error)")
    case .internalError where text.contains("failed calling webhook"):
      self = failure(
        "WebhookUnavailable", "An admission webhook keeps the cluster from answering about \(what): \(error)")
    case .serviceUnavailable, .timeout, .tooManyRequests:
      self = failure("ClusterUnreachable", "The cluster cannot answer about \(what) now: \(error)")
    case .notFound where text.contains("no such path"):
      self = failure(Self.unknownKind, "The cluster no longer serves \(what): its CustomResourceDefinition was removed")
    default: self = failure("ClusterRefused", "The cluster refuses \(what): \(error)")
    }
  }
}
