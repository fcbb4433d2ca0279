import WireFormats

/// The networks and volumes that a release defines. Compose makes them where they are missing, and leaves them as they are
/// where only their definition has changed.
struct ResourceDefinitions: Sendable, Hashable {
  struct Network: Sendable, Hashable {
    var name: String
    /// Nil for what the engine takes where nothing is said.
    var driver: String?
    var isInternal: Bool
    var isAttachable: Bool
    var hasIPv6: Bool?
    var options: [String: String]
    var addresses: [EngineNetwork.AddressRange]

    /// Whether what exists is as it is defined; what the engine chose by itself is right.
    func matches(_ network: EngineNetwork) -> Bool {
      (driver ?? network.driver) == network.driver && isInternal == network.isInternal
        && isAttachable == network.isAttachable && (hasIPv6 ?? network.hasIPv6) == network.hasIPv6
        && options.allSatisfy { network.options[$0.key] == $0.value }
        && addresses.allSatisfy { wanted in
          network.addresses.contains { found in
            (wanted.subnet ?? found.subnet) == found.subnet && (wanted.gateway ?? found.gateway) == found.gateway
              && (wanted.range ?? found.range) == found.range
          }
        }
    }
  }

  struct Volume: Sendable, Hashable {
    var name: String
    var driver: String?
    var options: [String: String]

    func matches(_ volume: EngineVolume) -> Bool {
      (driver ?? volume.driver) == volume.driver && options == volume.options
    }
  }

  /// By their keys in the Compose file.
  var networks: [String: Network] = [:]
  var volumes: [Volume] = []
  /// Service to the names of the networks that its containers are to be on.
  var attachments: [String: Set<String>] = [:]

  /// - Parameter file: the resolved Compose file. What is external is not the release's to define.
  init(of file: JSONValue, project: String) {
    var names: [String: String] = [:]
    for (key, definition) in file["networks"]?.object ?? [:] {
      let name = definition["name"]?.string ?? "\(project)_\(key)"
      names[key] = name
      if Self.isExternal(definition) { continue }
      networks[key] = Network(
        name: name, driver: definition["driver"]?.string, isInternal: definition["internal"]?.bool ?? false,
        isAttachable: definition["attachable"]?.bool ?? false, hasIPv6: definition["enable_ipv6"]?.bool,
        options: Self.texts(definition["driver_opts"]),
        addresses: (definition["ipam"]?["config"]?.array ?? []).map {
          .init(subnet: $0["subnet"]?.string, gateway: $0["gateway"]?.string, range: $0["ip_range"]?.string)
        })
    }
    for (key, definition) in file["volumes"]?.object ?? [:] where !Self.isExternal(definition) {
      volumes.append(
        Volume(
          name: definition["name"]?.string ?? "\(project)_\(key)", driver: definition["driver"]?.string,
          options: Self.texts(definition["driver_opts"])))
    }
    volumes.sort { $0.name < $1.name }
    for (service, definition) in file["services"]?.object ?? [:] {
      let keys = definition["networks"]?.object?.keys.map { $0 } ?? definition["networks"]?.array?.compactMap(\.string)
      attachments[service] = Set((keys ?? []).compactMap { names[$0] })
    }
  }

  private static func isExternal(_ definition: JSONValue) -> Bool {
    definition["external"]?.bool ?? (definition["external"]?.object != nil)
  }

  private static func texts(_ value: JSONValue?) -> [String: String] {
    (value?.object ?? [:]).mapValues { $0.string ?? $0.text }
  }
}

extension ResourceDefinitions {
  /// Those that exist and are defined otherwise by now.
  func outdated(_ existing: [EngineNetwork]) -> [EngineNetwork] {
    existing.filter { network in
      networks.values.contains { $0.name == network.name && !$0.matches(network) }
    }
  }

  /// What is said of volumes that are defined otherwise by now. They hold data, and are never changed.
  func unapplied(_ existing: [EngineVolume]) -> [String] {
    volumes.compactMap { wanted in
      guard let found = existing.first(where: { $0.name == wanted.name }), !wanted.matches(found) else { return nil }
      return """
        The volume \(found.name) stays as it was made (\(Self.words(found.driver, found.options))), though the release \
        defines it as \(Self.words(wanted.driver ?? found.driver, wanted.options)): it may hold data. To apply that, keep \
        its data elsewhere, stop what uses it, remove it (docker volume rm \(found.name)) and deploy once more
        """
    }
  }

  private static func words(_ driver: String, _ options: [String: String]) -> String {
    let list = options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return ([driver] + list).joined(separator: " ")
  }
}
