import FoundationEssentials
import ImageRegistries
import WireFormats

extension RegistryCredentials {
  /// - Throws: where a file is there and is not what Docker writes.
  static func read(environment: [String: String]) throws(CommandFailure) -> RegistryCredentials {
    guard
      let folder = environment["DOCKER_CONFIG"].flatMap({ $0.isEmpty ? nil : $0 })
        ?? environment["HOME"].map({ "\($0)/.docker" })
    else { return RegistryCredentials() }
    let path = "\(folder)/config.json"
    guard FileManager.default.fileExists(atPath: path) else { return RegistryCredentials() }
    guard let value = try? JSONValue(parsing: FileText.read(path)), value.object != nil else {
      throw CommandFailure("\(printable(path)) is not valid JSON", hint: "docker login writes it.")
    }
    return RegistryCredentials(value)
  }
}

extension CommandFailure {
  init(_ failure: RegistryFailure) {
    self.init(printable(failure.message), hint: failure.hint.map { printable($0) })
  }
}
