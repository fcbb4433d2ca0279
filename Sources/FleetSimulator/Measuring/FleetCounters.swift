import FleetProtocol

/// What a simulation has done so far.
struct FleetCounters: Sendable {
  /// Requests of one sort.
  struct Requests: Sendable {
    var succeeded: Int64 = 0
    var notModified: Int64 = 0
    var tooMany: Int64 = 0
    var refused: Int64 = 0
    var failedByServer: Int64 = 0
    var unreachable: Int64 = 0
    /// Of those that were answered, whatever the answer was.
    var latency = LatencyHistogram()

    var errors: Int64 { tooMany + refused + failedByServer + unreachable }
  }

  var heartbeats = Requests()
  var polls = Requests()
  var reports = Requests()
  /// From when a request was due until it was sent: large where this program is the bottleneck.
  var lag = LatencyHistogram()

  /// Accepted reports, by their status.
  var reportsByStatus: [StatusReport.Status: Int64] = [:]
  var reportsRepeated: Int64 = 0
  var offersByPoll: Int64 = 0
  var offersTakenBack: Int64 = 0

  var webhooksReceived: Int64 = 0
  var webhooksRepeated: Int64 = 0
  var webhooksToOffline: Int64 = 0
  var webhooksUnsigned: Int64 = 0
  var webhooksInvalid: Int64 = 0
  var webhooksUnknown: Int64 = 0

  mutating func count(_ answer: SimulatedFleet.Answer, to call: SimulatedFleet.Call, now: Int64) {
    switch call.task {
    case .heartbeat: heartbeats.count(answer)
    case .poll: polls.count(answer)
    case .schedule, .begin, .finish:
      reports.count(answer)
      guard answer.isSuccess else { return }
      switch call.payload {
      case .scheduled: reportsByStatus[.scheduled, default: 0] += 1
      case .status(let report): reportsByStatus[report.status, default: 0] += 1
      case .heartbeat, .poll: break
      }
    }
  }

  /// - Parameter microseconds: from sending to the answer.
  mutating func time(_ task: SimulatedFleet.Task, microseconds: Int64) {
    switch task {
    case .heartbeat: heartbeats.latency.record(microseconds: microseconds)
    case .poll: polls.latency.record(microseconds: microseconds)
    case .schedule, .begin, .finish: reports.latency.record(microseconds: microseconds)
    }
  }
}

extension FleetCounters.Requests {
  fileprivate mutating func count(_ answer: SimulatedFleet.Answer) {
    switch answer {
    case .accepted, .updates: succeeded += 1
    case .notModified:
      succeeded += 1
      notModified += 1
    case .tooMany: tooMany += 1
    case .refused(let status): if status >= 500 { failedByServer += 1 } else { refused += 1 }
    case .unreachable: unreachable += 1
    }
  }
}
