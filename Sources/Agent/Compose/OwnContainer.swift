import Files

/// The container that this very Agent runs in.
public struct OwnContainer: Sendable, Hashable {
  /// What its identifier is or begins with: 12 or more hexadecimal digits, the surest first.
  var identifiers: [String]

  /// - Parameters:
  ///   - mountInfo: `/proc/self/mountinfo`. Engines mount `/etc/hostname` from a folder that is named like the container.
  ///   - cgroup: `/proc/self/cgroup`, which names it under the first version of control groups.
  ///   - hostName: the first 12 digits of the identifier, unless the container was given another.
  /// - Returns: nil where nothing says that this process runs in a container.
  public init?(mountInfo: String, cgroup: String, hostName: String) {
    var found: [String] = []
    for line in mountInfo.split(separator: "\n") {
      let fields = line.split(separator: " ")
      if fields.count > 4, fields[4] == "/etc/hostname" { found += Self.identifiers(in: fields[3]) }
    }
    for line in cgroup.split(separator: "\n") { found += Self.identifiers(in: line) }
    if hostName.count == 12, Self.isHexadecimal(hostName) { found.append(hostName) }
    guard !found.isEmpty else { return nil }
    var seen: Set<String> = []
    identifiers = found.filter { seen.insert($0).inserted }
  }

  /// Reads what the kernel says of this process.
  public static func current(hostName: String) -> OwnContainer? {
    OwnContainer(
      mountInfo: KernelFile.text("/proc/self/mountinfo") ?? "", cgroup: KernelFile.text("/proc/self/cgroup") ?? "",
      hostName: hostName)
  }

  /// The one among a project's containers; nil where the Agent is no part of the project.
  func find(among containers: [EngineContainer]) -> EngineContainer? {
    for identifier in identifiers {
      if let own = containers.first(where: { $0.id.hasPrefix(identifier) }) { return own }
    }
    return nil
  }

  /// The parts of a path or of a unit's name that are 64 hexadecimal digits.
  private static func identifiers(in text: Substring) -> [String] {
    text.split { !$0.isASCII || !($0.isLetter || $0.isNumber) }
      .filter { $0.count == 64 && isHexadecimal($0) }.map(String.init)
  }

  private static func isHexadecimal(_ text: some StringProtocol) -> Bool {
    text.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
  }
}
