import Cryptography
import DeploymentKinds
import FoundationEssentials
import ResourceClient
import ResourceModel
import WireFormats
import YAMLDocuments

/// The files of values that a release is rendered with, in the folder of its preparation, and what of them must not be
/// told.
struct HelmValues: Sendable {
  /// Each over those before it; all of them readable by the Agent only.
  var files: [String]
  /// Those that were written here and are to be erased.
  private var written: [String]
  /// Values of Secrets.
  var secrets: [String]
  /// Changes whenever a file's content does.
  var digest: String

  /// Reads what the release names besides the file from the bucket.
  /// - Parameter folder: where files may be written; it goes with the preparation.
  static func read(
    _ release: PreparedRelease, namespace: String, folder: String, client: ResourceClient
  ) async throws(RuntimeFailure) -> HelmValues {
    var values = HelmValues(files: [], written: [], secrets: [], digest: "")
    var digest = SHA256()
    if let file = release.configFile {
      values.files.append(file)
      let content = FileManager.default.contents(atPath: file).map { [UInt8]($0) } ?? []
      digest.update(Array(SHA256.digest(of: content).hexadecimal.utf8))
      values.secrets += texts(in: content, onlySecret: true)
    }
    do throws(RuntimeFailure) {
      for (index, reference) in (release.release.valuesFrom ?? []).enumerated() {
        guard let content = try await content(of: reference, namespace: namespace, client: client) else { continue }
        let file = "\(folder)/values-\(index)"
        SecretFile.erase(file)
        try SecretFile.write(content, to: file)
        values.files.append(file)
        values.written.append(file)
        digest.update(content)
        if reference.kind == .secret { values.secrets += texts(in: content) }
      }
    } catch {
      values.erase()
      throw error
    }
    values.digest = digest.finalize().hexadecimal
    return values
  }

  /// Why the values that came from the bucket are refused where only what was signed may run; nil where they are not.
  func refusal(for release: PreparedRelease, chart: String) -> RuntimeFailure? {
    guard let file = release.configFile, let content = FileManager.default.contents(atPath: file) else { return nil }
    return UnsignedValues.refusal(
      of: [UInt8](content), named: release.release.configPath ?? "values.yaml", chart: chart)
  }

  func erase() { for file in written { SecretFile.erase(file) } }

  /// Nil where it is optional and not there.
  private static func content(
    of reference: DesiredDeploymentSpec.ValuesReference, namespace: String, client: ResourceClient
  ) async throws(RuntimeFailure) -> [UInt8]? {
    let title = "\(reference.kind.rawValue) \(namespace)/\(reference.name)"
    let names = reference.kind == .secret ? KubernetesResources.secrets : KubernetesResources.configMaps
    func missing(_ what: String) throws(RuntimeFailure) -> [UInt8]? {
      if reference.optional == true { return nil }
      throw RuntimeFailure(
        kind: .permanent, reason: "ValuesNotFound",
        message: "\(what), which spec.helm.valuesFrom names: create it, or make it optional, and retry")
    }
    let object: JSONValue
    do throws(ResourceClientError) {
      object = try await client.get(names, ObjectKey(namespace: namespace, name: reference.name))
    } catch {
      if error.isNotFound { return try missing("There is no \(title)") }
      throw RuntimeFailure(error, "the \(title)")
    }
    let key = reference.key ?? "values.yaml"
    guard let text = object["data"]?[key]?.string else { return try missing("\(title) has no key \(key)") }
    let bytes: [UInt8]
    switch reference.kind {
    case .configMap: bytes = Array(text.utf8)
    case .secret:
      guard let decoded = Base64.decode(text) else { return try missing("\(title) cannot be read") }
      bytes = decoded
    }
    let place = "\(title), key \(key)"
    let documents: [YAMLDocument]
    do throws(YAMLError) {
      // As Helm reads them. A parser's words may quote what it read.
      documents = try YAMLStream.parse(bytes, file: title, keys: .lenient)
    } catch {
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidValues",
        message: "\(place), which spec.helm.valuesFrom names, is not valid YAML: see line \(error.location.line)")
    }
    if let first = documents.first, first.value.object == nil {
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidValues",
        message: "\(place), which spec.helm.valuesFrom names, holds a \(first.value.typeName) instead of values by name"
      )
    }
    return bytes
  }

  /// Every text in the values, however deep.
  /// - Parameter onlySecret: only under a name that sounds like a secret: the file in the bucket holds mostly what is
  ///   public (spec §4.1).
  private static func texts(in content: [UInt8], onlySecret: Bool = false) -> [String] {
    let documents = (try? YAMLStream.parse(content, file: "values", keys: .lenient)) ?? []
    func texts(_ value: JSONValue, _ counts: Bool) -> [String] {
      switch value {
      case .string(let text): counts ? [text] + text.split(whereSeparator: \.isNewline).map(String.init) : []
      case .integer, .number: counts ? [value.text] : []
      case .array(let elements): elements.flatMap { texts($0, counts) }
      case .object(let members): members.flatMap { texts($0.value, counts || soundsSecret($0.key)) }
      case .null, .bool: []
      }
    }
    return documents.flatMap { texts($0.value, !onlySecret) }
  }

  private static func soundsSecret(_ name: String) -> Bool {
    let name = name.lowercased()
    return ["password", "passwd", "secret", "token", "credential", "apikey", "api_key", "privatekey", "private_key"]
      .contains { name.contains($0) }
  }
}
