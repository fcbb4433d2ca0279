import Access
import FleetProtocol
import HTTPService
import HTTPTypes
import Hummingbird
import ResourceModel
import WireFormats

/// What customers' Backends ask and report (spec §7, §14.2). Each sees its own organization; any other is not there.
struct CustomerEndpoints: Sendable {
  static let maximumBodyByteCount = 64 << 10
  /// How often a customer is to come, in seconds (spec §7).
  static let interval = 300

  let offers: OfferIndex
  let licenses: LicenseIndex
  let heartbeats: SetWriter<ReceivedHeartbeat, Bool>
  let reports: SetWriter<ReceivedReport, ReportOutcome>
  let random: @Sendable () -> Double

  func addRoutes(to router: Router<ServiceContext>) {
    router.endpoint(
      "/api/v1/organizations/{name}/updates",
      [
        .get: { request, context in
          let organization = try Self.customer(context, name: try context.parameters.require("name"))
          guard offers.isLoaded else {
            throw StatusError(
              .serviceUnavailable, "the server is just starting, please try again later",
              retryAfterSeconds: 5 + Int(random() * 30))
          }
          return updates(for: organization, request)
        }
      ])
    router.endpoint(
      "/api/v1/organizations/{name}/heartbeat",
      [
        .post: { request, context in
          let organization = try Self.customer(context, name: try context.parameters.require("name"))
          let heartbeat = try await Self.body(request, context) { json throws(ProtocolError) in
            try Heartbeat(reading: json)
          }
          let isKnown = try await heartbeats.submit(
            ReceivedHeartbeat(organization: organization, heartbeat: heartbeat))
          guard isKnown else { throw StatusError.noOrganization(organization) }
          let renewal = licenses.renewal(
            for: organization, holding: heartbeat.licenseID, installation: heartbeat.installationID)
          return .json(HeartbeatAnswer(nextSeconds: nextSeconds, license: renewal).json)
        }
      ])
    router.endpoint(
      "/api/v1/deployments/scheduled",
      [
        .post: { request, context in
          let report = try await Self.body(request, context) { json throws(ProtocolError) in
            try ScheduledReport(reading: json)
          }
          let organization = try Self.customer(context, name: report.organizationName)
          return try await answer(ReceivedReport(organization: organization, content: .scheduled(report)))
        }
      ])
    router.endpoint(
      "/api/v1/deployments/status",
      [
        .post: { request, context in
          let report = try await Self.body(request, context) { json throws(ProtocolError) in
            try StatusReport(reading: json)
          }
          let organization = try Self.customer(context, name: report.organizationName)
          return try await answer(ReceivedReport(organization: organization, content: .status(report)))
        }
      ])
  }

  private func answer(_ report: ReceivedReport) async throws -> Response {
    switch try await reports.submit(report) {
    // What changes nothing any more has arrived all the same: it is not to be sent again.
    case .applied, .ignored: return .json(["received": true])
    case .noTarget:
      throw StatusError(
        .notFound,
        "the release \"\(report.releaseID)\" was never offered to the organization \"\(report.organization)\"")
    }
  }

  /// The answer is what the webhook says; from memory.
  func updates(for organization: String, _ request: Request) -> Response {
    let offer = offers.offer(for: organization)
    let tag = offer?.entityTag ?? "\"none\""
    var headers: HTTPFields = [.eTag: tag, .cacheControl: "no-cache, private"]
    if let name = HTTPField.Name("X-Next-Poll-Seconds") { headers[name] = String(nextSeconds) }
    if EntityTag.isKnown(tag, request.headers[values: .ifNoneMatch]) {
      return Response(status: .notModified, headers: headers)
    }
    var response = Response.json(bytes: offer?.body ?? ReleaseOffer.nothing.serialized())
    for field in headers { response.headers[field.name] = field.value }
    return response
  }

  /// Other for each, so that those who came together once do not always do so.
  private var nextSeconds: Int { Self.interval - 30 + Int(random() * 60) }

  private static func customer(_ context: ServiceContext, name: String) throws -> String {
    try ControlCenterAccess.requireCustomer(try context.requireCaller().identity, organization: name)
  }

  private static func body<Value: Sendable>(
    _ request: Request, _ context: ServiceContext, _ read: (JSONValue) throws(ProtocolError) -> Value
  ) async throws -> Value {
    let caller = try context.requireCaller()
    // Who has no business here learns nothing of what a right body would be.
    _ = try ControlCenterAccess.requireCustomer(caller.identity, organization: nil)
    let bytes = try await JSONBody.read(request, maximumBytes: maximumBodyByteCount)
    try JSONBody.requireJSON(request.headers[.contentType], sentWith: caller.credentials)
    do throws(ProtocolError) {
      return try read(try Self.parse(bytes))
    } catch {
      throw StatusError(.badRequest, error.message)
    }
  }

  private static func parse(_ bytes: [UInt8]) throws(ProtocolError) -> JSONValue {
    do throws(StatusError) {
      return try JSONBody.parse(bytes)
    } catch {
      throw ProtocolError(error.message)
    }
  }
}
