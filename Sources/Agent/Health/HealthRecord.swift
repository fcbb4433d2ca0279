import WireFormats

/// What a running Agent leaves in its health file: which process it is, and when it was last well.
struct HealthRecord: Sendable, Hashable {
  var processIdentifier: Int32
  var at: Timestamp

  init(processIdentifier: Int32, at: Timestamp) {
    self.processIdentifier = processIdentifier
    self.at = at
  }

  /// Nil for anything but what `text` gives.
  init?(_ text: String) {
    let parts = text.split(whereSeparator: \.isWhitespace)
    guard parts.count == 2, let processIdentifier = Int32(parts[0]), processIdentifier > 0,
      let at = Timestamp(String(parts[1]))
    else { return nil }
    self.init(processIdentifier: processIdentifier, at: at)
  }

  var text: String { "\(processIdentifier) \(at.wholeSeconds)\n" }
}

/// Whether the Agent is well, as its health file tells: a pure decision.
enum HealthVerdict: Sendable, Hashable {
  case well
  /// A sentence that says what is wrong.
  case unwell(String)

  /// - Parameters:
  ///   - text: what the file holds; nil where there is none.
  ///   - maximumAge: of the last sign of life.
  ///   - isAlive: whether the process with this identifier exists.
  init(_ text: String?, now: Timestamp, maximumAge: Duration, isAlive: (Int32) -> Bool) {
    guard let text else {
      self = .unwell("There is no health file: no Agent has been well since it started.")
      return
    }
    guard let record = HealthRecord(text) else {
      self = .unwell("The health file is not one of an Agent.")
      return
    }
    guard isAlive(record.processIdentifier) else {
      self = .unwell("The Agent, process \(record.processIdentifier), is not there any more.")
      return
    }
    // A moment that lies ahead was written before the clock was set back.
    let age = now - record.at
    guard age <= maximumAge, age >= .zero - maximumAge else {
      self = .unwell(
        "The Agent, process \(record.processIdentifier), was last well at \(record.at): "
          + "its loops have not turned for more than \(DurationText(maximumAge)).")
      return
    }
    self = .well
  }
}
