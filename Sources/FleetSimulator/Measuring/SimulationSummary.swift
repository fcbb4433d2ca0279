import FleetProtocol
public import WireFormats

/// What came of a simulation.
public struct SimulationSummary: Sendable {
  let organizations: Int
  let offline: Int
  let seconds: Double
  let counters: FleetCounters

  public var json: JSONValue {
    var heartbeats = requests(counters.heartbeats)
    heartbeats["perSecond"] = rate(counters.heartbeats.succeeded)
    var polls = requests(counters.polls)
    polls["perSecond"] = rate(counters.polls.succeeded)
    polls["notModified"] = .integer(counters.polls.notModified)
    polls["notModifiedShare"] = share(counters.polls.notModified, of: counters.polls.succeeded)
    polls["offers"] = .integer(counters.offersByPoll)
    var reports = requests(counters.reports)
    reports["repeated"] = .integer(counters.reportsRepeated)
    for status in StatusReport.Status.allCases {
      guard let count = counters.reportsByStatus[status] else { continue }
      reports[status.rawValue] = .integer(count)
    }
    return [
      "organizations": .integer(Int64(organizations)), "offlineOrganizations": .integer(Int64(offline)),
      "seconds": rounded(seconds), "heartbeats": heartbeats, "polls": polls, "reports": reports,
      "offersTakenBack": .integer(counters.offersTakenBack),
      "webhooks": [
        "received": .integer(counters.webhooksReceived), "repeats": .integer(counters.webhooksRepeated),
        "toOffline": .integer(counters.webhooksToOffline), "badSignature": .integer(counters.webhooksUnsigned),
        "invalid": .integer(counters.webhooksInvalid), "unknown": .integer(counters.webhooksUnknown),
      ],
      "lagMilliseconds": quantiles(counters.lag),
    ]
  }

  private func requests(_ requests: FleetCounters.Requests) -> JSONValue {
    [
      "succeeded": .integer(requests.succeeded), "tooManyRequests": .integer(requests.tooMany),
      "refused": .integer(requests.refused), "serverErrors": .integer(requests.failedByServer),
      "unreachable": .integer(requests.unreachable), "milliseconds": quantiles(requests.latency),
    ]
  }

  private func quantiles(_ histogram: LatencyHistogram) -> JSONValue {
    guard let median = histogram.quantile(0.5), let high = histogram.quantile(0.99),
      let highest = histogram.quantile(1)
    else { return .null }
    return ["p50": rounded(median), "p99": rounded(high), "max": rounded(highest)]
  }

  private func rate(_ count: Int64) -> JSONValue { rounded(seconds > 0 ? Double(count) / seconds : 0) }
  private func share(_ part: Int64, of whole: Int64) -> JSONValue {
    whole == 0 ? .null : rounded(Double(part) / Double(whole))
  }

  /// To three decimals: more says nothing.
  private func rounded(_ value: Double) -> JSONValue { .number((value * 1000).rounded() / 1000) }
}

/// What happened since the last line, for a person who watches.
struct ProgressLine {
  let seconds: Double
  let span: Double
  let before: FleetCounters
  let now: FleetCounters

  var text: String {
    func rate(_ path: KeyPath<FleetCounters, Int64>) -> Int64 {
      Int64((Double(now[keyPath: path] - before[keyPath: path]) / max(span, 0.001)).rounded())
    }
    func milliseconds(_ value: Double?) -> String {
      value.map { $0 < 10 ? "\(($0 * 10).rounded() / 10)" : "\(Int($0))" } ?? "-"
    }
    let notModified = now.polls.notModified - before.polls.notModified
    let polls = now.polls.succeeded - before.polls.succeeded
    let reported = now.reportsByStatus.values.reduce(0, +) - before.reportsByStatus.values.reduce(0, +)
    let errors =
      now.heartbeats.errors + now.polls.errors + now.reports.errors
      - before.heartbeats.errors - before.polls.errors - before.reports.errors
    var parts = [
      "\(Int(seconds))s",
      "heartbeats \(rate(\.heartbeats.succeeded))/s (p50 \(milliseconds(now.heartbeats.latency.quantile(0.5))) p99 \(milliseconds(now.heartbeats.latency.quantile(0.99))) ms)",
      "polls \(rate(\.polls.succeeded))/s (p50 \(milliseconds(now.polls.latency.quantile(0.5))) p99 \(milliseconds(now.polls.latency.quantile(0.99))) ms, \(polls > 0 ? notModified * 100 / polls : 0)% 304)",
      "webhooks \(now.webhooksReceived) +\(now.webhooksRepeated) repeats",
      "reports \(reported) (\(now.reportsByStatus[.success] ?? 0) succeeded in all)",
    ]
    if errors > 0 { parts.append("\(errors) errors") }
    if let lag = now.lag.quantile(0.99), lag > 1000 {
      parts.append("sent up to \(Int(lag)) ms late: the server or this machine does not keep up")
    }
    return parts.joined(separator: "  ")
  }
}
