import Files
import WireFormats

/// A port of the host that a container is to have, or that somebody has.
struct HostPort: Sendable, Hashable, CustomStringConvertible {
  enum Kind: String, Sendable, Hashable {
    case tcp
    case udp
  }

  var kind: Kind
  /// Nil for every address.
  var address: String?
  var number: Int

  init(_ kind: Kind, _ number: Int, address: String? = nil) {
    self.kind = kind
    self.number = number
    self.address = address.flatMap { ["", "0.0.0.0", "::", "[::]"].contains($0) ? nil : $0 }
  }

  var description: String { "\(address.map { "\($0):" } ?? "")\(number)/\(kind.rawValue)" }

  func conflicts(with other: HostPort) -> Bool {
    kind == other.kind && number == other.number
      && (address == nil || other.address == nil || address == other.address)
  }

  // MARK: What a Compose file asks for

  /// The fixed ports of a resolved Compose file; where a range is given, the engine chooses.
  static func published(by file: JSONValue) -> [HostPort] {
    let services = (file["services"]?.object ?? [:]).sorted { $0.key < $1.key }
    return services.flatMap { _, service in
      service["network_mode"]?.string == "host" ? [] : (service["ports"]?.array ?? []).compactMap(HostPort.init)
    }
  }

  /// A mapping, or for older file formats a text such as `127.0.0.1:8080:80/tcp`.
  private init?(_ port: JSONValue) {
    if let text = port.string {
      let parts = text.split(separator: "/")
      let fields = parts[0].split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count >= 2, let number = Int(fields[fields.count - 2]) else { return nil }
      let address = fields.dropLast(2).joined(separator: ":")
      self.init(Kind(rawValue: parts.count > 1 ? String(parts[1]) : "tcp") ?? .tcp, number, address: address)
    } else {
      let published = port["published"]
      guard let number = published?.integer.map({ Int($0) }) ?? published?.string.flatMap({ Int($0) }), number > 0
      else {
        return nil
      }
      self.init(
        port["protocol"]?.string.flatMap(Kind.init) ?? .tcp, number, address: port["host_ip"]?.string)
    }
  }

  // MARK: What is taken

  struct Held: Sendable, Hashable {
    var port: HostPort
    /// The container's name.
    var name: String
    /// Of Compose; nil for a container that is part of none.
    var project: String?
  }

  /// - Parameter rows: the engine's list of the containers that run.
  static func held(byContainers rows: [JSONValue]) -> [Held] {
    rows.flatMap { row -> [Held] in
      let name = row["Names"]?.array?.first?.string ?? row["Id"]?.string ?? ""
      return (row["Ports"]?.array ?? []).compactMap { port in
        guard let number = port["PublicPort"]?.integer else { return nil }
        return Held(
          port: HostPort(port["Type"]?.string.flatMap(Kind.init) ?? .tcp, Int(number), address: port["IP"]?.string),
          name: name.hasPrefix("/") ? String(name.dropFirst()) : name,
          project: row["Labels"]?["com.docker.compose.project"]?.string)
      }
    }
  }

  /// What programs of this machine listen on, without opening a port. Nil where the machine does not say.
  static func listening() -> [HostPort]? {
    let tables: [(String, Kind)] = [("tcp", .tcp), ("tcp6", .tcp), ("udp", .udp), ("udp6", .udp)]
    var (found, isRead): ([HostPort], Bool) = ([], false)
    for (name, kind) in tables {
      guard let table = KernelFile.text("/proc/net/\(name)"), !table.isEmpty else { continue }
      if name == "tcp" { isRead = true }
      found += listening(in: table, kind)
    }
    return isRead ? found : nil
  }

  /// - Parameter table: as `/proc/net/tcp` has it.
  static func listening(in table: String, _ kind: Kind) -> [HostPort] {
    // TCP_LISTEN; a socket of UDP that is bound and not connected is in the state of a closed one.
    let state = kind == .tcp ? "0A" : "07"
    return table.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 3, fields[3] == state else { return nil }
      let local = fields[1].split(separator: ":")
      guard local.count == 2, let number = Int(local[1], radix: 16), number > 0 else { return nil }
      return HostPort(kind, number, address: address(local[0]))
    }
  }

  /// An address of IPv4 as its four bytes in the order of the machine's; of IPv6 only whether it is every address.
  private static func address(_ hexadecimal: Substring) -> String? {
    if hexadecimal.allSatisfy({ $0 == "0" }) { return nil }
    // IPv4 in IPv6: the last eight digits.
    let isMapped = hexadecimal.count == 32 && hexadecimal.hasPrefix("0000000000000000FFFF0000")
    guard hexadecimal.count == 8 || isMapped, let bits = UInt32(hexadecimal.suffix(8), radix: 16) else {
      return String(hexadecimal)
    }
    if bits == 0 { return nil }
    return (0..<4).map { String((bits >> ($0 * 8)) & 0xFF) }.joined(separator: ".")
  }
}
