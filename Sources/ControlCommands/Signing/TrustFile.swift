import ArgumentParser
import ReleaseManifest
import WireFormats

/// Signed documents in files.
enum TrustFile {
  static func envelope(_ path: String, _ type: Envelope.PayloadType) throws(CommandFailure) -> Envelope {
    let bytes = try FileText.read(path)
    return try reading(path) { () throws(TrustError) in try Envelope(parsing: bytes, expecting: type) }
  }

  /// A trust root, whoever has signed it by now.
  static func root(_ path: String) throws(CommandFailure) -> (envelope: Envelope, root: TrustRoot) {
    let envelope = try Self.envelope(path, .root)
    let root = try reading(path) { () throws(TrustError) in try TrustRoot(payload: envelope.payload) }
    return (envelope, root)
  }

  /// A trust root that its own keys have signed.
  static func signedRoot(_ path: String) throws(CommandFailure) -> TrustRoot {
    let bytes = try FileText.read(path)
    return try reading(path) { () throws(TrustError) in try TrustRoot.first(bytes) }
  }

  /// Runs what may fail; the failure names the file.
  static func reading<Value>(_ path: String, _ body: () throws(TrustError) -> Value) throws(CommandFailure) -> Value {
    do throws(TrustError) {
      return try body()
    } catch {
      throw CommandFailure("\(printable(path)): \(printable(error.message))")
    }
  }
}

/// A moment: a time, or a span from now.
struct Expiry: ExpressibleByArgument, CustomStringConvertible {
  private enum Form {
    case moment(Timestamp)
    case span(Duration)
  }
  private let form: Form
  let description: String

  init?(argument: String) {
    description = argument
    if let moment = Timestamp(argument) {
      form = .moment(moment)
    } else if argument.hasSuffix("d"), let days = Int64(argument.dropLast()), (1...36_500).contains(days) {
      form = .span(.seconds(days * 86_400))
    } else if let span = DurationText(argument), span.duration > .zero, span.duration < .seconds(36_500 * 86_400) {
      form = .span(span.duration)
    } else {
      return nil
    }
  }

  static func days(_ count: Int64) -> Expiry {
    guard let expiry = Expiry(argument: "\(count)d") else { preconditionFailure("\(count) days") }
    return expiry
  }

  func moment(from now: Timestamp) throws(CommandFailure) -> Timestamp {
    switch form {
    case .span(let span): return (now + span).wholeSeconds
    case .moment(let moment):
      guard moment > now else { throw CommandFailure("--expires \(description) is past") }
      return moment.wholeSeconds
    }
  }
}

/// The forms in which a signed document is shown.
enum DocumentFormat: String, CaseIterable, ExpressibleByArgument {
  case text
  case yaml
  case json
}

/// `NAME=VALUE` on the command line.
struct Assignment: ExpressibleByArgument, Hashable {
  var name: String
  var value: String

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else { return nil }
    name = String(argument[..<equals])
    value = String(argument[argument.index(after: equals)...])
  }

  /// The assignment's name as a role of a trust root.
  func role() throws(CommandFailure) -> TrustRoot.Role {
    guard let role = TrustRoot.Role(rawValue: name) else {
      throw CommandFailure(
        "\(printable(name)) is no role: there are \(TrustRoot.Role.allCases.map(\.rawValue).joined(separator: ", "))",
        exitCode: CommandFailure.usageExitCode)
    }
    return role
  }
}
