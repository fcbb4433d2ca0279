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
struct Expiry: CustomStringConvertible {
  private enum Form {
    case moment(Timestamp)
    case span(Duration)
  }
  private let form: Form
  let description: String

  private init(_ form: Form, _ description: String) {
    self.form = form
    self.description = description
  }

  /// The value of `--expires`.
  /// - Throws: `ValidationError`, which says which forms there are.
  static func parse(_ text: String) throws -> Expiry {
    if let moment = Timestamp(text) { return Expiry(.moment(moment), text) }
    guard let span = Duration(lifetime: text) else {
      throw ValidationError("must be a span of time: \(Duration.lifetimeForms); or a time: 2027-01-31T00:00:00Z")
    }
    return Expiry(.span(span), text)
  }

  static func days(_ count: Int64) -> Expiry { Expiry(.span(.seconds(count * 86_400)), "\(count)d") }

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
