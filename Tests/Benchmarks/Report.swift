import SystemPackage

/// One measured figure, beside something public that was measured in the same run: machines differ, the ratio hardly.
struct Measurement {
  var what: String
  /// How many operations `duration` took.
  var count: Int
  var duration: Duration
  /// What it is compared with, and what one operation of that took.
  var reference: (name: String, count: Int, duration: Duration)

  private static func rate(_ count: Int, _ duration: Duration) -> Double {
    Double(count) / max(duration / .seconds(1), 1e-9)
  }

  func print() {
    let ours = Self.rate(count, duration)
    let theirs = Self.rate(reference.count, reference.duration)
    let ratio = (theirs / ours * 100).rounded() / 100
    let line = "\(what): \(Int(ours))/s, \(reference.name): \(Int(theirs))/s, ratio \(ratio)\n"
    // At once, also into a pipe: the next figure may take a minute.
    _ = try? FileDescriptor.standardOutput.writeAll(line.utf8)
  }
}
