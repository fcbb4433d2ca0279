public import Access
import Accounts
public import Audit
import FleetPlanning
public import HTTPService
import HTTPTypes
public import Hummingbird
import Logging
import ReleaseArchives
import ResourceModel
import WireFormats

/// Where CI brings charts and bundles (spec §14.1).
///
/// An upload may take long, so the server counts `path` among its `unhurriedPaths`; it has a limit of its own.
public struct ArtifactEndpoints: Sendable {
  public struct Configuration: Sendable {
    /// A folder on a disk with room for the uploads that come at the same time.
    public var folder: String
    /// Of one file.
    public var maximumFileBytes: Int
    /// From the head of a request to its answer.
    public var timeout: Duration
    public var maximumConcurrentUploads: Int
    /// What `Chart.yaml` has as `name`.
    public var chartName: String

    public init(
      folder: String, maximumFileBytes: Int = 2 << 30, timeout: Duration = .seconds(1800),
      maximumConcurrentUploads: Int = 8, chartName: String = "wrktalk"
    ) {
      self.folder = folder
      self.maximumFileBytes = maximumFileBytes
      self.timeout = timeout
      self.maximumConcurrentUploads = maximumConcurrentUploads
      self.chartName = chartName
    }
  }

  public static let path = "/api/internal/artifacts"

  private let store: ArtifactStore
  private let configuration: Configuration
  private let policy: AccessPolicy
  private let audit: AuditLedger?
  private let uploads: UploadPlaces
  private let stored: @Sendable () -> Void

  /// - Parameters:
  ///   - audit: nil where nothing is audited.
  ///   - stored: called after each artifact that came, such as to look for those that may go (spec §3.1).
  public init(
    store: ArtifactStore, configuration: Configuration, policy: AccessPolicy, audit: AuditLedger? = nil,
    stored: @escaping @Sendable () -> Void = {}
  ) {
    self.audit = audit
    self.store = store
    self.configuration = configuration
    self.policy = policy
    self.stored = stored
    uploads = UploadPlaces(configuration.maximumConcurrentUploads)
  }

  /// Once, before anything is served.
  public func prepare() async throws {
    try UploadFile.prepare(configuration.folder)
    try await store.prepare()
  }

  public func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/internal/artifacts",
      [
        .post: { request, context in
          let caller = try policy.requireCaller(context, request)
          let audited = audit.map { AuditedActor(AuditActor(caller, context), in: $0) }
          context.connection.expectLongBody(within: configuration.timeout)
          return .json(
            try await withDeadline(configuration.timeout) { try await receive(request, context, audited).json })
        },
        .get: { request, context in
          try policy.require(context, request)
          return .json(try await list(PageRequest(request.uri.query)))
        },
      ])
  }

  private func receive(
    _ request: Request, _ context: ServiceContext, _ audit: AuditedActor?
  ) async throws -> ArtifactRecord {
    guard let place = uploads.take() else {
      throw StatusError(
        .tooManyRequests,
        "\(configuration.maximumConcurrentUploads) uploads are coming already, please try again later",
        retryAfterSeconds: 10)
    }
    defer { withExtendedLifetime(place) {} }
    var form = UploadForm(folder: configuration.folder, maximumFileBytes: configuration.maximumFileBytes)
    try await request.readForm(maximumBytes: configuration.maximumFileBytes + UploadForm.overheadByteCount) { event in
      try await form.take(event)
    }
    let upload = try form.finish()
    try Task.checkCancellation()
    try await ReleaseArchive(chartName: configuration.chartName).check(upload)
    if let manifest = upload.manifest {
      try store.manifests.manifest(manifest, version: upload.key.version)
        .requireArtifact(upload.key.type, sha256: upload.sha256, byteCount: upload.byteCount)
    }
    let record = try await store.store(upload, audit: audit)
    context.logger.info(
      "Stored an artifact",
      metadata: [
        "version": "\(record.key.version)", "type": "\(record.key.type.rawValue)", "sha256": "\(record.sha256)",
        "sizeBytes": "\(record.byteCount)",
      ])
    stored()
    return record
  }

  private func list(_ page: PageRequest) async throws -> JSONValue {
    let after = try page.token.map { (token) throws(StatusError) in
      let parts = token.split(separator: "/").map(String.init)
      guard parts.count == 2, let version = try? ReleaseVersion(parts[0]), let type = ArtifactType(rawValue: parts[1])
      else { throw PageRequest.invalidToken }
      return ArtifactKey(version: version, type: type)
    }
    let found = try await store.list(limit: page.limit + 1, after: after)
    let (records, next) = page.page(found) { "\($0.key.version)/\($0.key.type.rawValue)" }
    var answer: JSONValue = [
      "artifacts": .array(
        records.map { record in
          var json = record.json
          json["version"] = .string(record.key.version.text)
          json["type"] = .string(record.key.type.rawValue)
          json["createdAt"] = .string(record.createdAt.description)
          return json
        })
    ]
    if let next { answer["continue"] = .string(next) }
    return answer
  }
}

extension AccessPolicy {
  /// - Returns: who may send this request.
  @discardableResult
  func require(_ context: ServiceContext, _ request: Request) throws(StatusError) -> Identity {
    let identity = try context.requireCaller().identity
    let verb = request.method.rawValue.lowercased()
    guard allows(identity, verb: verb, path: request.uri.path) else {
      throw Self.forbidden(identity, verb: verb, path: request.uri.path)
    }
    return identity
  }
}
