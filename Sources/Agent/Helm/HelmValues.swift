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
  /// Those of them that nobody vouches for, and where people find them.
  private var unsigned: [String: String] = [:]
  /// Those that were written here and are to be erased.
  private var written: [String]
  /// Values of Secrets.
  var secrets: [String]
  /// Changes whenever a file's content does.
  var digest: String

  /// Reads what the release names besides the file from the bucket.
  /// - Parameters:
  ///   - folder: where files may be written; it goes with the preparation.
  ///   - trustsSources: whether the Agent's administrator names the sources from which values may come. Else the record does,
  ///     and that is anybody's.
  static func read(
    _ release: PreparedRelease, namespace: String, folder: String, trustsSources: Bool, client: ResourceClient
  ) async throws(RuntimeFailure) -> HelmValues {
    var values = HelmValues(files: [], written: [], secrets: [], digest: "")
    var digest = SHA256()
    if let file = release.configFile {
      values.files.append(file)
      values.unsigned[file] = release.release.configPath ?? "values.yaml"
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
        if !trustsSources {
          values.unsigned[file] = "\(reference.kind.rawValue) \(reference.name), key \(reference.key ?? "values.yaml")"
        }
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

  /// The files as they would be with other texts in what nobody vouches for.
  struct Marked: Sendable {
    var files: [String]
    var names: [String]
    fileprivate var written: [String]

    func erase() { for file in written { SecretFile.erase(file) } }
  }

  /// - Returns: nil where there is nothing to mark. What is returned is to be erased.
  /// - Throws: where values are refused as they are.
  func marked(_ mark: String, chart: String, folder: String) throws(RuntimeFailure) -> Marked? {
    guard !unsigned.isEmpty else { return nil }
    var marked = Marked(files: [], names: [], written: [])
    do throws(RuntimeFailure) {
      for (index, file) in files.enumerated() {
        guard let name = unsigned[file] else {
          marked.files.append(file)
          continue
        }
        let content = FileManager.default.contents(atPath: file).map { [UInt8]($0) } ?? []
        let path = "\(folder)/marked-\(index)"
        SecretFile.erase(path)
        marked.written.append(path)
        try SecretFile.write(UnsignedValues(content, named: name, chart: chart).marked(mark), to: path)
        marked.files.append(path)
        marked.names.append(name)
      }
    } catch {
      marked.erase()
      throw error
    }
    return marked
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
