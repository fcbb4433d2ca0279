import WireFormats

/// A network that Compose made for a project.
struct EngineNetwork: Sendable, Hashable {
  var id: String
  var name: String
  var driver: String
  var isInternal: Bool
  var isAttachable: Bool
  var hasIPv6: Bool
  var options: [String: String]
  var addresses: [AddressRange]

  /// One entry of its address management; what is nil is the engine's to choose.
  struct AddressRange: Sendable, Hashable {
    var subnet: String?
    var gateway: String?
    var range: String?
  }

  init?(_ row: JSONValue) {
    guard let id = row["Id"]?.string, let name = row["Name"]?.string else { return nil }
    self.id = id
    self.name = name
    driver = row["Driver"]?.string ?? ""
    isInternal = row["Internal"]?.bool ?? false
    isAttachable = row["Attachable"]?.bool ?? false
    hasIPv6 = row["EnableIPv6"]?.bool ?? false
    options = (row["Options"]?.object ?? [:]).compactMapValues(\.string)
    addresses = (row["IPAM"]?["Config"]?.array ?? []).map {
      AddressRange(subnet: $0["Subnet"]?.string, gateway: $0["Gateway"]?.string, range: $0["IPRange"]?.string)
    }
  }
}

/// A volume that Compose made for a project.
struct EngineVolume: Sendable, Hashable {
  var name: String
  var driver: String
  var options: [String: String]

  init?(_ row: JSONValue) {
    guard let name = row["Name"]?.string else { return nil }
    self.name = name
    driver = row["Driver"]?.string ?? ""
    options = (row["Options"]?.object ?? [:]).compactMapValues(\.string)
  }
}

extension DockerEngine {
  func networks(project: String) async throws(RuntimeFailure) -> [EngineNetwork] {
    (try await labelled("/networks", project)?.array ?? []).compactMap(EngineNetwork.init)
  }

  func volumes(project: String) async throws(RuntimeFailure) -> [EngineVolume] {
    (try await labelled("/volumes", project)?["Volumes"]?.array ?? []).compactMap(EngineVolume.init)
  }

  private func labelled(_ path: String, _ project: String) async throws(RuntimeFailure) -> JSONValue? {
    let filters: JSONValue = ["label": [.string("com.docker.compose.project=\(project)")]]
    return try await json("\(path)?filters=\(PercentEncoding.encode(filters.text))", limit: 32 << 20)
  }
}
