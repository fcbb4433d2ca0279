import FoundationEssentials
import SystemPackage
import WireFormats
import YAMLDocuments

/// The file that keeps the contexts, `~/.config/wrktalkctl/config.yaml` unless `WRKTALKCTL_CONFIG` names another.
struct ConfigurationFile {
  let path: String

  init(environment: [String: String]) throws(CommandFailure) {
    if let path = environment["WRKTALKCTL_CONFIG"], !path.isEmpty {
      self.path = path
    } else if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") {
      self.path = "\(folder)/wrktalkctl/config.yaml"
    } else if let home = environment["HOME"], !home.isEmpty {
      self.path = "\(home)/.config/wrktalkctl/config.yaml"
    } else {
      throw CommandFailure("HOME is not set, so there is no place for the contexts", hint: "Set WRKTALKCTL_CONFIG.")
    }
  }

  /// A file that is not there holds no contexts.
  func read() throws(CommandFailure) -> ClientConfiguration {
    guard FileManager.default.fileExists(atPath: path) else { return ClientConfiguration() }
    let bytes = try FileText.read(path)
    do {
      guard let document = try YAMLStream.parse(bytes, file: path).first else { return ClientConfiguration() }
      return try document.value.decoded(as: ClientConfiguration.self)
    } catch let error as YAMLError {
      throw CommandFailure("\(error)")
    } catch {
      throw CommandFailure(
        "\(path) is no configuration of wrktalkctl", hint: "Remove it, then use wrktalkctl config set-context.")
    }
  }

  /// Writes the file with mode 0600, whole or not at all.
  func write(_ configuration: ClientConfiguration) throws(CommandFailure) {
    let folder = FilePath(path).removingLastComponent().string
    let temporary = "\(path).\(UInt32.random(in: 0...UInt32.max)).tmp"
    do {
      let text = YAMLText.render(try JSONValue(encoding: configuration))
      if !folder.isEmpty {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      }
      let descriptor = try FileDescriptor.open(
        FilePath(temporary), .writeOnly, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite])
      try descriptor.closeAfter { _ = try descriptor.writeAll(text.utf8) }
      try FileText.move(temporary, to: path)
    } catch {
      try? FileManager.default.removeItem(atPath: temporary)
      throw CommandFailure("\(path) cannot be written: \(error)")
    }
  }
}
