import FleetProtocol
import HTTPTransport
import Synchronization
import Timing
import WireFormats

/// A fleet of customers in one process, over real HTTP.
public struct FleetSimulation: Sendable {
  private let settings: SimulationSettings

  public init(settings: SimulationSettings) { self.settings = settings }

  /// Makes the customers known where they are not, then lets them live until the time is over or the task is cancelled, which
  /// is how a person ends it.
  /// - Parameter progress: called with lines for a person.
  /// - Throws: `SimulationError`.
  public func run(progress: @escaping @Sendable (String) -> Void) async throws -> SimulationSummary {
    guard settings.organizations > 0, settings.concurrency > 0 else {
      throw SimulationError("a simulation has at least one organization, and one request at a time")
    }
    // A connection for each request under way, and those of the server's webhooks.
    OpenFiles.allow(settings.concurrency + 8192)
    let limits = ClientConnectionLimits(total: settings.concurrency, kept: settings.concurrency)
    let http = HTTPClient(userAgent: "wrktalk-simulated-fleet", limits: limits)
    let current = CurrentRunner()
    // Before anything is made: an address that is taken is said at once.
    let receiver = try await receiver(for: current)
    do {
      let keys = try await FleetEnrolment(settings: settings, http: http).run(progress: progress)
      let runner = FleetRunner(settings: settings, keys: keys, http: http)
      current.set(runner)
      progress(
        "\(keys.count) organizations, \(runner.offlineCount) of them offline, talk to \(settings.server)"
          + (settings.webhooks.map { "; webhooks come to \($0.endpoint(of: 0))" } ?? ""))
      await runner.run(progress: progress)
      await receiver?.stop()
      await http.shutdown()
      return runner.summary
    } catch {
      await receiver?.stop()
      await http.shutdown()
      throw error
    }
  }

  private func receiver(for current: CurrentRunner) async throws -> WebhookReceiver? {
    guard let webhooks = settings.webhooks else { return nil }
    // Customers with addresses of their own are all reached where every address of the machine is listened on.
    let host = webhooks.hosts > 1 ? "0.0.0.0" : webhooks.host
    return try await WebhookReceiver.start(host: host, port: webhooks.port) { delivery in
      current.value?.receive(delivery) ?? .status(503, delayMilliseconds: 0)
    }
  }
}

/// Who gets webhooks; nobody before all customers are known.
private final class CurrentRunner: Sendable {
  private let state = Mutex<FleetRunner?>(nil)

  var value: FleetRunner? { state.withLock { $0 } }
  func set(_ runner: FleetRunner) { state.withLock { $0 = runner } }
}

/// The shell around the fleet: it sends what is due, hands the answers back, and measures.
private final class FleetRunner: Sendable {
  private struct State {
    var fleet: SimulatedFleet
    var inFlight = 0
    /// What was cut off at the end counts for nothing.
    var hasEnded = false
  }

  private let settings: SimulationSettings
  private let names: [String]
  private let authorizations: [String]
  private let secrets: [String]
  private let http: HTTPClient
  private let requests: CustomerRequest
  private let time = MonotonicTime(ContinuousClock())
  private let state: Mutex<State>
  private let finalSeconds = Mutex(0.0)

  init(settings: SimulationSettings, keys: [CustomerKey], http: HTTPClient) {
    self.settings = settings
    self.http = http
    names = keys.map(\.organization)
    authorizations = keys.map { "Bearer \($0.key)" }
    secrets = keys.map(\.secret)
    requests = CustomerRequest(
      server: settings.server, tls: TLSSettings(certificateAuthorityFile: settings.certificateAuthorityFile))
    state = Mutex(
      State(
        fleet: SimulatedFleet(
          names: names, behaviour: settings.behaviour, origin: SystemTime.now().microseconds / 1000)))
  }

  var offlineCount: Int { state.withLock { $0.fleet.offlineCount } }

  var summary: SimulationSummary {
    state.withLock { state in
      SimulationSummary(
        organizations: names.count, offline: state.fleet.offlineCount, seconds: finalSeconds.withLock { $0 },
        counters: state.fleet.counters)
    }
  }

  private var now: Int64 { time.uptime().wholeMilliseconds }

  func run(progress: @escaping @Sendable (String) -> Void) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.send() }
      group.addTask { await self.report(to: progress) }
      // The first to end is the sender: its time is over, or all is cancelled.
      _ = await group.next()
      group.cancelAll()
    }
    finalSeconds.withLock { $0 = time.uptime() / .seconds(1) }
    state.withLock { $0.hasEnded = true }
  }

  /// Sends what is due, at most so much at once.
  private func send() async {
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled, settings.duration.map({ time.uptime() < $0 }) ?? true {
        while let call = takeDue() {
          group.addTask { await self.perform(call) }
        }
        try? await Task.sleep(for: .milliseconds(5))
      }
      state.withLock { $0.hasEnded = true }
      group.cancelAll()
    }
  }

  private func takeDue() -> SimulatedFleet.Call? {
    let now = now
    return state.withLock { state in
      guard state.inFlight < settings.concurrency, let call = state.fleet.next(now: now) else { return nil }
      state.inFlight += 1
      return call
    }
  }

  private func perform(_ call: SimulatedFleet.Call) async {
    let request = requests.request(
      for: call, name: names[call.customer], authorization: authorizations[call.customer])
    let began = time.uptime()
    var answer = SimulatedFleet.Answer.unreachable
    var isAnswered = false
    do {
      let response = try await http.send(request)
      isAnswered = true
      answer = CustomerRequest.answer(response, to: call.task)
    } catch {}
    let took = time.uptime() - began
    let now = now
    state.withLock { state in
      state.inFlight -= 1
      guard !state.hasEnded else { return }
      if isAnswered { state.fleet.record(call.task, microseconds: Int64(took / .microseconds(1))) }
      state.fleet.handle(answer, to: call, now: now)
    }
  }

  func receive(_ delivery: WebhookReceiver.Delivery) -> SimulatedFleet.WebhookReply {
    // All that costs time is done before the lock.
    let customer = delivery.customer.flatMap { secrets.indices.contains($0) ? $0 : nil }
    var isSigned = false
    var offer: SimulatedFleet.Offer?
    if let customer, let signature = delivery.signature {
      isSigned = WebhookSignature.isValid(signature, of: delivery.body, secret: secrets[customer])
      if isSigned, let json = try? JSONValue(parsing: delivery.body), let read = try? ReleaseOffer.reading(json) {
        offer = .init(releaseID: read.releaseID, version: read.version)
      }
    }
    let now = now
    return state.withLock {
      $0.fleet.receive(customer: customer ?? -1, id: delivery.id, isSigned: isSigned, offer: offer, now: now)
    }
  }

  private func report(to progress: @Sendable (String) -> Void) async {
    var before = state.withLock { $0.fleet.counters }
    var last = time.uptime()
    while true {
      do { try await Task.sleep(for: settings.progressInterval) } catch { return }
      let counters = state.withLock { $0.fleet.counters }
      let uptime = time.uptime()
      progress(
        ProgressLine(
          seconds: uptime / .seconds(1), span: (uptime - last) / .seconds(1), before: before, now: counters
        ).text)
      (before, last) = (counters, uptime)
    }
  }
}
