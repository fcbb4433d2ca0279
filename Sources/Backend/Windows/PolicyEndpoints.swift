import Access
import Accounts
import Audit
import Database
import HTTPService
import HTTPTypes
import Hummingbird
import MaintenanceWindows
import OfferPlanning
import ResourceModel
import WireFormats

/// Where admins say who decides when releases are deployed, and how long they are watched.
struct PolicyEndpoints: Sendable {
  static let maximumBodyByteCount = 16 << 10

  let database: any Database
  let audit: AuditLedger
  let notices: NoticeLedger
  let now: @Sendable () -> Timestamp
  /// The policy has changed.
  let changed: @Sendable () -> Void

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/admin/policy",
      [
        .get: { request, context in
          try EndpointCaller.require(context, request)
          return .json(
            try await database.transaction(.read) { connection in
              try Self.answer(try PolicyState.read(connection, locked: false), connection)
            })
        },
        .put: { request, context in
          let caller = try EndpointCaller.require(context, request)
          let body = try await JSONBody.read(request, maximumBytes: Self.maximumBodyByteCount)
          try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
          let change = try PolicyChange(try JSONBody.parse(body))
          return .json(try await apply(change, by: caller, from: context.peer))
        },
      ])
  }

  /// - Throws: `StatusError`: 409 where Automatic is to be on without a window; 403 where more is consented to than before, and the
  ///   caller's sign-in is not of the last minutes.
  private func apply(_ change: PolicyChange, by caller: Caller, from address: String?) async throws -> JSONValue {
    let (now, identity) = (now(), caller.identity)
    let answer = try await database.transaction(.write) { connection in
      var state = try PolicyState.read(connection, locked: true)
      let before = state
      if change.widens(state) { try caller.requireRecentAuthentication() }
      if let policy = change.policy { try turn(&state, policy, at: now, connection) }
      state.allowsMigrations = change.allowsMigrations ?? state.allowsMigrations
      state.healthWatchMinutes = change.healthWatchMinutes ?? state.healthWatchMinutes
      if state != before {
        try state.write(at: now, connection)
        try audit.record(
          [
            AuditEntry(
              actor: identity.name, roles: identity.roleText, address: address ?? "",
              action: "DeploymentPolicyChanged", object: "policy",
              detail: ["before": before.json, "after": state.json])
          ], in: connection)
        // It was off for a reason, which is over.
        if state.policy == .automatic { try notices.settle(.automaticOff, in: connection) }
      }
      return try Self.answer(state, connection)
    }
    changed()
    return answer
  }

  private func turn(
    _ state: inout PolicyState, _ policy: DeploymentPolicy, at now: Timestamp, _ connection: any SQLConnection
  ) throws {
    guard policy != state.policy else { return }
    if policy == .automatic {
      guard try WindowStore.json(connection)["windows"]?.array?.isEmpty == false else {
        throw StatusError(
          .conflict,
          "deploymentPolicy: Automatic deploys in maintenance windows, and there is none: set one with PUT /api/admin/windows "
            + "first")
      }
      state.automaticSince = now
      state.automaticOffReason = nil
    }
    state.policy = policy
  }

  private static func answer(_ state: PolicyState, _ connection: any SQLConnection) throws -> JSONValue {
    var answer = state.json
    answer["automaticallyScheduled"] = try AutomaticDeployment.find(connection)?.json ?? .null
    return answer
  }
}

/// What an admin changes; what is left out stays as it is.
struct PolicyChange: Sendable, Hashable {
  var policy: DeploymentPolicy?
  var allowsMigrations: Bool?
  var healthWatchMinutes: Int64?

  /// What `GET` answers beside that, so that it can be sent back as a whole.
  private static let readOnly = ["automaticOffReason", "automaticallyScheduled"]
  private static let fields = ["deploymentPolicy", "automaticMigrations", "healthWatchMinutes"]

  init(policy: DeploymentPolicy? = nil, allowsMigrations: Bool? = nil, healthWatchMinutes: Int64? = nil) {
    self.policy = policy
    self.allowsMigrations = allowsMigrations
    self.healthWatchMinutes = healthWatchMinutes
  }

  /// Whether it is consent to more than there was: to every deployment that follows, to migrations without a person, or to watching
  /// what was deployed for a shorter time.
  func widens(_ state: PolicyState) -> Bool {
    policy == .automatic || allowsMigrations == true && !state.allowsMigrations
      || healthWatchMinutes.map { $0 < state.healthWatchMinutes } == true
  }

  /// - Throws: `StatusError` 422 naming the field.
  init(_ body: JSONValue) throws(StatusError) {
    func wrong(_ field: String, _ problem: String) -> StatusError {
      StatusError(.invalid, "\(field): \(problem)")
    }
    let list = Self.fields.joined(separator: ", ")
    guard let members = body.object else {
      throw StatusError(.invalid, "the body must be an object with \(list), not \(body.typeName)")
    }
    for field in members.keys.sorted() where !(Self.fields + Self.readOnly).contains(field) {
      throw wrong(String(field.prefix(40)), "is not known here; there are \(list)")
    }
    switch members["deploymentPolicy"] {
    case nil, .null?: break
    case let value?:
      guard let policy = value.string.flatMap(DeploymentPolicy.init) else {
        throw wrong(
          "deploymentPolicy", "must be \(DeploymentPolicy.allCases.map(\.rawValue).joined(separator: " or "))")
      }
      self.policy = policy
    }
    switch members["automaticMigrations"] {
    case nil, .null?: break
    case .bool(let flag)?: allowsMigrations = flag
    case _?: throw wrong("automaticMigrations", "must be true or false")
    }
    switch members["healthWatchMinutes"] {
    case nil, .null?: break
    case .integer(let minutes)? where PolicyState.healthWatchRange.contains(minutes): healthWatchMinutes = minutes
    case _?: throw wrong("healthWatchMinutes", "must be a whole number from 0, which watches nothing, to 1440")
    }
  }
}
