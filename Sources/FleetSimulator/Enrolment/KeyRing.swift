import SystemPackage
import WireFormats

/// What a customer needs to talk to the server.
struct CustomerKey: Sendable, Hashable {
  var organization: String
  /// For the API.
  var key: String
  /// Signs webhooks; empty where there are none.
  var secret: String
  /// Where the server sends webhooks; empty where it sends none.
  var webhook: String

  var json: JSONValue {
    [
      "organization": .string(organization), "key": .string(key), "secret": .string(secret),
      "webhook": .string(webhook),
    ]
  }

  init(organization: String, key: String, secret: String, webhook: String) {
    self.organization = organization
    self.key = key
    self.secret = secret
    self.webhook = webhook
  }

  /// Nil where it is not a line of a file of keys.
  init?(json: JSONValue) {
    guard let organization = json["organization"]?.string, let key = json["key"]?.string, !key.isEmpty else {
      return nil
    }
    self.init(
      organization: organization, key: key, secret: json["secret"]?.string ?? "",
      webhook: json["webhook"]?.string ?? "")
  }
}

/// The file of keys: a line of JSON for each customer, of which the last one counts. A run that is cut off leaves what it had
/// made.
struct KeyRing {
  private(set) var keys: [String: CustomerKey] = [:]
  private let file: FileDescriptor
  private let path: String

  /// Opens the file, or makes it; nobody else can read it.
  init(path: String) throws(SimulationError) {
    self.path = path
    do {
      file = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .append], permissions: [.ownerReadWrite])
    } catch {
      throw SimulationError("the file of keys \(path) cannot be opened: \(error)")
    }
    do {
      try read()
    } catch let error as SimulationError {
      try? file.close()
      throw error
    } catch {
      try? file.close()
      throw SimulationError("the file of keys \(path) cannot be read: \(error)")
    }
  }

  private mutating func read() throws {
    var rest: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var offset: Int64 = 0
    var number = 0
    func take(_ line: ArraySlice<UInt8>, into keys: inout [String: CustomerKey]) throws {
      number += 1
      guard !line.isEmpty else { return }
      guard let json = try? JSONValue(parsing: Array(line)), let key = CustomerKey(json: json) else {
        throw SimulationError(
          "\(path):\(number) is not a line of a file of keys",
          hint: "Give another file with --keys, or remove the line.")
      }
      keys[key.organization] = key
    }
    while true {
      let count = try unsafe buffer.withUnsafeMutableBytes {
        try unsafe file.read(fromAbsoluteOffset: offset, into: $0)
      }
      if count == 0 { break }
      offset += Int64(count)
      rest += buffer[..<count]
      var start = rest.startIndex
      while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
        try take(rest[start..<end], into: &keys)
        start = end + 1
      }
      rest = Array(rest[start...])
    }
    // A line without an end was cut off with its run: its customer is given another key.
    if !rest.isEmpty { try file.resize(to: offset - Int64(rest.count)) }
  }

  mutating func add(_ key: CustomerKey) throws(SimulationError) {
    keys[key.organization] = key
    do {
      try file.writeAll(key.json.serialized() + [UInt8(ascii: "\n")])
    } catch {
      throw SimulationError("the file of keys \(path) cannot be written: \(error)")
    }
  }

  func close() { try? file.close() }
}
