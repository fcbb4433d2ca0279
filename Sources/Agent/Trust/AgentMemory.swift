import Cryptography
import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest
import ResourceModel
import Synchronization
import WireFormats

/// What an Agent remembers from one pass to the next and from one process to the next: what it believes, what it deployed,
/// and what the vendor said of that. It is read once a term, and written before anything that shows it.
public final class AgentMemory: Sendable {
  /// On what grounds releases are believed.
  enum Trust: Sendable {
    case unsigned
    case root(TrustMemory, TrustRoot)
    case damaged(message: String)
  }

  /// What is kept for one record.
  enum Account: Sendable {
    case none
    case kept(KeptLedger)
    case damaged(message: String)
  }

  typealias Documents = [String: [UInt8]]

  private let store: any StateStore
  private let allowsUnsigned: Bool
  /// Nil where they have to be read.
  private let copy = Mutex<Documents?>(nil)
  private let turn = AsyncMutex()
  /// What was read last, since reading takes longer than looking whether it is still the same.
  private let trustRead = Mutex<(content: [UInt8], trust: Trust)?>(nil)
  private let ledgersRead = Mutex<[String: (content: [UInt8], ledger: KeptLedger)]>([:])
  /// Digests of the annotations and manifests that were looked at, by record.
  private let seen = Mutex<[ObjectKey: SHA256Digest]>([:])

  static let trustName = "trust.json"

  /// - Parameter allowsUnsigned: whether the Agent was told to deploy what nobody signed.
  public init(store: any StateStore, allowsUnsigned: Bool) {
    self.store = store
    self.allowsUnsigned = allowsUnsigned
  }

  /// To be called where another Agent may have written since.
  func forgetCopy() { copy.withLock { $0 = nil } }

  // MARK: Trust

  func trust() async throws(RuntimeFailure) -> Trust { trust(in: try await documents()) }

  private func trust(in documents: Documents) -> Trust {
    let content = documents[Self.trustName] ?? []
    if let read = trustRead.withLock({ $0 }), read.content == content, !content.isEmpty { return read.trust }
    let trust = readTrust(in: documents)
    trustRead.withLock { $0 = (content, trust) }
    return trust
  }

  private func readTrust(in documents: Documents) -> Trust {
    do throws(TrustDocumentError) {
      guard let memory = try TrustDocument.read(documents[Self.trustName]) else {
        if allowsUnsigned { return .unsigned }
        throw TrustDocumentError(message: "it is gone")
      }
      return .root(memory.0, memory.1)
    } catch {
      return .damaged(
        message:
          "what this Agent remembers of the trust root cannot be read in \(store.place): \(error.message). Restore it from a "
          + "backup, or, to begin anew on purpose, stop the Agent, do \"\(store.removal)\" and start it with "
          + "WRKTALK_AGENT_TRUST_ROOT_FILE. What runs is looked after as before")
    }
  }

  /// Takes in what a record carries of trust: roots that follow the present one, newer timestamp statements, and new
  /// signatures of the release that runs.
  /// - Returns: what is to be said of it, once.
  func takeInTrust(of object: DesiredDeployment) async throws(RuntimeFailure) -> [DeploymentEvent] {
    let annotations = object.metadata.annotations ?? [:]
    let texts =
      [DesiredDeploymentKind.trustRootsAnnotation, DesiredDeploymentKind.timestampAnnotation].map {
        annotations[$0] ?? ""
      }
      + [object.spec.manifest ?? ""]
    let digest = SHA256.digest(of: Array(texts.joined(separator: "\n").utf8))
    guard texts != ["", "", ""], seen.withLock({ $0[object.key] }) != digest else { return [] }
    let events = try await exclusively { (documents) throws(RuntimeFailure) -> ([DeploymentEvent], [Change]) in
      guard case .root(var memory, let root) = trust(in: documents) else { return ([], []) }
      let before = memory
      var events: [DeploymentEvent] = []
      func attempt(_ name: String, _ body: () throws(TrustError) -> Void) {
        do throws(TrustError) {
          try body()
        } catch {
          events.append(
            DeploymentEvent(
              .warning, error.reason.rawValue,
              "The annotation \(name) is not believed: \(error.message). Nothing comes of it"))
        }
      }
      if !texts[0].isEmpty {
        attempt(DesiredDeploymentKind.trustRootsAnnotation) { () throws(TrustError) in
          _ = try memory.takeIn(roots: try Self.envelopes(texts[0]))
        }
      }
      if !texts[1].isEmpty {
        attempt(DesiredDeploymentKind.timestampAnnotation) { () throws(TrustError) in
          _ = try memory.takeIn(timestamp: texts[1])
        }
      }
      if let now = try? memory.trustRoot(), now.version > root.version {
        events.append(
          DeploymentEvent(
            .normal, "TrustRootTakenIn",
            "Version \(now.version) of the trust root of \(now.product) follows version \(root.version)"))
      }
      var changes = renewSignature(of: object, in: &memory, documents)
      if memory != before { changes.append(try TrustDocument.change(memory)) }
      return (events, changes)
    }
    seen.withLock { $0[object.key] = digest }
    return events
  }

  private static func envelopes(_ text: String) throws(TrustError) -> [String] {
    let value: JSONValue
    do throws(JSONParseError) {
      value = try JSONValue(parsing: Array(text.utf8), maximumDepth: 16, maximumNodeCount: 50_000)
    } catch {
      throw TrustError(.malformed, "it is not valid JSON: \(error)")
    }
    guard let elements = value.array else { throw TrustError(.malformed, "it must be a JSON array of envelopes") }
    return elements.map(\.text)
  }

  /// Where the vendor has signed what runs once more, it counts under the new keys, too: when the old one is withdrawn, it is
  /// still known how far the releases had come.
  private func renewSignature(
    of object: DesiredDeployment, in memory: inout TrustMemory, _ documents: Documents
  ) -> [Change] {
    guard let text = object.spec.manifest, case .kept(let kept) = account(of: object, in: documents),
      kept.ledger.target == object.spec.target, let running = kept.ledger.current?.release.releaseManifestSha256,
      let root = try? memory.trustRoot(), let release = try? VerifiedManifest(checking: text, under: root),
      release.digest == running
    else { return [] }
    memory.accept(release, for: object.trustTarget)
    return Self.changes(keeping: text, of: release, under: root, in: documents)
  }

  /// One that was signed anew takes the place of what a key signed that may be revoked.
  private static func changes(
    keeping text: String, of release: VerifiedManifest, under root: TrustRoot, in documents: Documents
  ) -> [Change] {
    let change = Change(name: manifestName(release.digest), content: Array(text.utf8))
    guard let kept = documents[change.name] else { return [change] }
    // Nobody takes away a signature that counts by leaving it out.
    let before = try? VerifiedManifest(checking: String(decoding: kept, as: UTF8.self), under: root)
    return kept == change.content || !release.signers.isSuperset(of: before?.signers ?? []) ? [] : [change]
  }

  /// Remembers a release that is about to be deployed, with its manifest.
  func accept(_ release: VerifiedManifest, text: String, for target: String) async throws(RuntimeFailure) {
    try await exclusively { (documents) throws(RuntimeFailure) -> (Void, [Change]) in
      guard case .root(var memory, let root) = trust(in: documents) else {
        throw RuntimeFailure(
          kind: .transient, reason: "TrustMemoryDamaged", message: "\(store.place) can no longer be read")
      }
      let before = memory
      let running = ledgers(in: documents).compactMap { $0.ledger.ledger.current?.release.releaseManifestSha256 }
      memory.accept(release, for: target, keeping: Set(running))
      var changes = Self.changes(keeping: text, of: release, under: root, in: documents)
      if memory != before { changes.append(try TrustDocument.change(memory)) }
      return ((), changes)
    }
  }

  /// The envelope of a release that was accepted here; nil where it is not kept.
  func manifest(_ digest: String) async throws(RuntimeFailure) -> String? {
    try await documents()[Self.manifestName(digest)].map { String(decoding: $0, as: UTF8.self) }
  }

  // MARK: What was deployed

  func account(of object: DesiredDeployment) async throws(RuntimeFailure) -> Account {
    account(of: object, in: try await documents())
  }

  private func account(of object: DesiredDeployment, in documents: Documents) -> Account {
    guard let content = documents[Self.ledgerName(object)] else { return .none }
    guard let kept = ledger(Self.ledgerName(object), content), kept.uid == Self.uid(object) else {
      return .damaged(
        message:
          "What this Agent keeps of what it deployed cannot be read: \(Self.ledgerName(object)) in \(store.place). Restore it "
          + "from a backup, or remove it, so that the release is derived anew; until then nothing is touched")
    }
    return .kept(kept)
  }

  /// Whether what a status says of what was deployed is what is kept.
  func isKept(_ status: DesiredDeploymentStatus, for object: DesiredDeployment) async throws(RuntimeFailure) -> Bool {
    switch try await account(of: object) {
    case .none: DeploymentLedger(status).isEmpty
    case .kept(let kept): kept.ledger == DeploymentLedger(status)
    case .damaged: false
    }
  }

  /// Keeps what a status says of what was deployed, before that status is written.
  func keep(_ status: DesiredDeploymentStatus, for object: DesiredDeployment) async throws(RuntimeFailure) {
    try await exclusively { (documents) throws(RuntimeFailure) -> (Void, [Change]) in
      let ledger = DeploymentLedger(status)
      var previous = DeploymentLedger(nil)
      switch account(of: object, in: documents) {
      case .none: if ledger.isEmpty { return ((), []) }
      case .kept(let kept):
        previous = kept.ledger
        if ledger == previous { return ((), []) }
      case .damaged(let message):
        throw RuntimeFailure(kind: .transient, reason: "AccountDamaged", message: message)
      }
      let kept = KeptLedger(
        record: object.key.description, uid: Self.uid(object), status: status, previous: previous.digest)
      return ((), [try Self.change(Self.ledgerName(object), kept)] + predecessors(of: kept, in: documents))
    }
  }

  /// Forgets what was deployed for a record that is gone.
  func forget(_ object: DesiredDeployment) async throws(RuntimeFailure) {
    seen.withLock { $0[object.key] = nil }
    try await exclusively { (documents) throws(RuntimeFailure) -> (Void, [Change]) in
      let name = Self.ledgerName(object)
      return ((), documents[name] == nil ? [] : [Change(name: name, content: nil)])
    }
  }

  /// Forgets what was deployed for records of this name, all of which are gone.
  func forget(_ key: ObjectKey) async throws(RuntimeFailure) {
    seen.withLock { $0[key] = nil }
    try await exclusively { (documents) throws(RuntimeFailure) -> (Void, [Change]) in
      ((), ledgers(in: documents).filter { $0.ledger.record == key.description }.map { ($0.name, nil) })
    }
  }

  /// The records for which something is kept.
  func records() async throws(RuntimeFailure) -> Set<ObjectKey> {
    Set(ledgers(in: try await documents()).compactMap { ObjectKey(description: $0.ledger.record) })
  }

  private func ledgers(in documents: Documents) -> [(name: String, ledger: KeptLedger)] {
    documents.compactMap { name, content in
      name.hasPrefix(Self.ledgerPrefix) ? ledger(name, content).map { (name, $0) } : nil
    }
  }

  /// What was kept for records of the same name that are gone.
  private func predecessors(of kept: KeptLedger, in documents: Documents) -> [Change] {
    ledgers(in: documents).filter { $0.ledger.record == kept.record && $0.ledger.uid != kept.uid }.map {
      ($0.name, nil)
    }
  }

  // MARK: Documents

  typealias Change = (name: String, content: [UInt8]?)

  private static let ledgerPrefix = "ledger-"
  private static let manifestPrefix = "manifest-"

  private static func uid(_ object: DesiredDeployment) -> String { object.metadata.uid ?? object.key.description }

  /// A uid is the server's word, and may be anything.
  private static func ledgerName(_ object: DesiredDeployment) -> String {
    "\(ledgerPrefix)\(SHA256.digest(of: Array(uid(object).utf8)).hexadecimal.prefix(32)).json"
  }

  private static func manifestName(_ digest: String) -> String { "\(manifestPrefix)\(digest).json" }

  private func ledger(_ name: String, _ content: [UInt8]) -> KeptLedger? {
    if let read = ledgersRead.withLock({ $0[name] }), read.content == content { return read.ledger }
    let ledger = Self.ledger(content)
    ledgersRead.withLock { $0[name] = ledger.map { (content, $0) } }
    return ledger
  }

  private static func ledger(_ content: [UInt8]) -> KeptLedger? {
    try? JSONValue(parsing: content).decoded(as: KeptLedger.self)
  }

  static func change(_ name: String, _ value: some Encodable) throws(RuntimeFailure) -> Change {
    guard let json = try? JSONValue(encoding: value) else {
      throw RuntimeFailure(kind: .transient, reason: "StateNotWritten", message: "\(name) cannot be written as JSON")
    }
    return Change(name: name, content: Array(json.text.utf8))
  }

  private func documents() async throws(RuntimeFailure) -> Documents {
    if let documents = copy.withLock({ $0 }) { return documents }
    return try await exclusively { (documents) throws(RuntimeFailure) in (documents, []) }
  }

  /// Reads, decides and writes while nobody else does.
  private func exclusively<Value: Sendable>(
    _ decide: (Documents) throws(RuntimeFailure) -> (Value, [Change])
  ) async throws(RuntimeFailure) -> Value {
    let result = await turn.withLock { () -> Result<Value, RuntimeFailure> in
      do throws(RuntimeFailure) {
        let documents: Documents
        if let known = copy.withLock({ $0 }) { documents = known } else { documents = try await store.load() }
        copy.withLock { $0 = documents }
        let (value, changes) = try decide(documents)
        try await write(changes, over: documents)
        return .success(value)
      } catch {
        return .failure(error)
      }
    }
    guard let result else { throw .stopped }
    return try result.get()
  }

  private func write(_ changes: [Change], over documents: Documents) async throws(RuntimeFailure) {
    guard !changes.isEmpty else { return }
    var after = documents
    for change in changes { after[change.name] = change.content }
    let superfluous = superfluousManifests(in: after).map { Change(name: $0, content: nil) }
    for change in superfluous { after[change.name] = nil }
    // What was written of it is not known where the writing fails.
    copy.withLock { $0 = nil }
    try await store.write(changes + superfluous, leaving: after)
    copy.withLock { $0 = after }
    ledgersRead.withLock { $0 = $0.filter { after[$0.key] != nil } }
  }

  /// Bytes of the manifests that are kept for rollbacks alone.
  static let manifestByteCount = 400 << 10

  /// Manifests that nothing refers to, and the oldest of those that only a rollback may need, beyond a bound.
  private func superfluousManifests(in documents: Documents) -> [String] {
    guard documents.keys.contains(where: { $0.hasPrefix(Self.manifestPrefix) }) else { return [] }
    var needed: Set<String> = []
    var useful: [String] = []
    for (name, content) in documents.sorted(by: { $0.key < $1.key }) where name.hasPrefix(Self.ledgerPrefix) {
      // One that cannot be read may name any of them.
      guard let ledger = ledger(name, content)?.ledger else { return [] }
      if let digest = ledger.current?.release.releaseManifestSha256 { needed.insert(Self.manifestName(digest)) }
      useful += ledger.releaseManifests.map(Self.manifestName)
    }
    guard case .root(let memory, let root) = trust(in: documents) else { return [] }
    for target in memory.accepted.keys {
      // Not the highest of all: a stolen key may have signed that.
      if let accepted = memory.highest(for: target, under: root) { needed.insert(Self.manifestName(accepted.manifest)) }
    }
    var byteCount = 0
    for name in useful where !needed.contains(name) {
      byteCount += documents[name]?.count ?? 0
      if byteCount <= Self.manifestByteCount { needed.insert(name) }
    }
    return documents.keys.filter { $0.hasPrefix(Self.manifestPrefix) && !needed.contains($0) }.sorted()
  }
}
