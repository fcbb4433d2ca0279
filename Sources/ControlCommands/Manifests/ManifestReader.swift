import FoundationEssentials
import ResourceModel
import WireFormats
import YAMLDocuments

/// Reads what the files, folders and standard input of a command line declare. What is wrong with one of them does not
/// keep the others from being read.
struct ManifestReader {
  /// The namespace for objects that name none.
  let namespace: String
  /// True where `--namespace` was given: then no object may name another.
  let isNamespaceExplicit: Bool

  struct Reading {
    var manifests: [Manifest] = []
    var failures: [CommandFailure] = []
  }

  func read(_ paths: [String], isRecursive: Bool) -> Reading {
    var reading = Reading()
    for path in paths {
      do throws(CommandFailure) {
        for file in try files(path, isRecursive: isRecursive) { read(file, into: &reading) }
      } catch {
        reading.failures.append(error)
      }
    }
    return reading
  }

  private func read(_ file: String, into reading: inout Reading) {
    do throws(CommandFailure) {
      let bytes = file == "-" ? try FileText.readStandardInput() : try FileText.read(file)
      parse(bytes, file: file == "-" ? "standard input" : file, into: &reading)
    } catch {
      reading.failures.append(error)
    }
  }

  /// - Parameter file: the name that messages use.
  func parse(_ bytes: [UInt8], file: String, into reading: inout Reading) {
    let documents: [YAMLDocument]
    do throws(YAMLError) {
      documents = try YAMLStream.parse(bytes, file: file)
    } catch {
      reading.failures.append(CommandFailure(printable("\(error)", keepingLineEnds: true)))
      return
    }
    if documents.isEmpty {
      reading.failures.append(CommandFailure("\(printable(file)): there is no object in it"))
      return
    }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    for document in documents {
      var origin = ManifestOrigin(file: printable(file), lines: lines, document: document, path: "")
      guard document.value["kind"]?.string == "List", let items = document.value["items"]?.array else {
        append(document.value, origin, to: &reading)
        continue
      }
      for (index, item) in items.enumerated() {
        origin.path = "items[\(index)]"
        append(item, origin, to: &reading)
      }
    }
  }

  private func append(_ object: JSONValue, _ origin: ManifestOrigin, to reading: inout Reading) {
    do throws(CommandFailure) {
      reading.manifests.append(try manifest(object, origin))
    } catch {
      reading.failures.append(error)
    }
  }

  private func manifest(_ object: JSONValue, _ origin: ManifestOrigin) throws(CommandFailure) -> Manifest {
    func failure(_ field: String, _ message: String) -> CommandFailure {
      CommandFailure(origin.excerpt(FieldError(field: field, reason: .invalid, message: message)))
    }
    guard object.object != nil else {
      throw CommandFailure(
        "\(origin.location(of: "")): an object was expected, but this is of the type \(object.typeName)")
    }
    guard let apiVersion = object["apiVersion"]?.string else { throw failure("apiVersion", "is required, as a string") }
    guard let kind = object["kind"]?.string else { throw failure("kind", "is required, as a string") }
    guard let definition = ResourceCatalog.definition(apiVersion: apiVersion, kind: kind) else {
      if let known = ResourceCatalog.names(ofKind: kind) {
        throw failure("apiVersion", "\"\(apiVersion)\" has no kind \(kind); \"\(known.apiVersion)\" has")
      }
      throw failure(
        "kind", "\"\(kind)\" of \(apiVersion) is not known here" + ResourceCatalog.suggestion(forKind: kind))
    }
    guard let name = object["metadata"]?["name"]?.string, !name.isEmpty else {
      throw failure("metadata.name", "is required, as a string")
    }
    var object = object
    let declared = object["metadata"]?["namespace"]
    if let declared, declared.string == nil { throw failure("metadata.namespace", "must be a string") }
    guard definition.isNamespaced else {
      if let declared, declared.string?.isEmpty != true {
        throw failure("metadata.namespace", "must not be there: a \(kind) belongs to the whole cluster")
      }
      return Manifest(
        file: origin.file, definition: definition, key: ObjectKey(namespace: "", name: name), object: object,
        origin: origin)
    }
    if isNamespaceExplicit, let declared = declared?.string, declared != namespace {
      throw failure("metadata.namespace", "\"\(declared)\" is not the namespace given, \"\(namespace)\"")
    }
    let key = ObjectKey(namespace: declared?.string ?? namespace, name: name)
    var metadata = object["metadata"] ?? .object([:])
    metadata["namespace"] = .string(key.namespace)
    object["metadata"] = metadata
    return Manifest(file: origin.file, definition: definition, key: key, object: object, origin: origin)
  }

  /// The files that a path stands for, in the order of their names.
  private func files(_ path: String, isRecursive: Bool) throws(CommandFailure) -> [String] {
    if path == "-" { return [path] }
    if path.hasPrefix("http://") || path.hasPrefix("https://") {
      throw CommandFailure("\(printable(path)): manifests are not read over the network; download it, then look at it")
    }
    var isFolder = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CommandFailure("\(printable(path)) does not exist")
    }
    guard isFolder else { return [path] }
    let files = try folderFiles(path, isRecursive: isRecursive)
    if files.isEmpty {
      throw CommandFailure(
        "the folder \(printable(path)) holds no .yaml, .yml or .json file",
        hint: isRecursive ? nil : "Folders inside it are read with --recursive.")
    }
    return files
  }

  private func folderFiles(_ path: String, isRecursive: Bool) throws(CommandFailure) -> [String] {
    guard let entries = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw CommandFailure("the folder \(printable(path)) cannot be read")
    }
    var files: [String] = []
    for entry in entries.sorted() {
      let child = path.hasSuffix("/") ? path + entry : "\(path)/\(entry)"
      var isChildFolder = false
      guard FileManager.default.fileExists(atPath: child, isDirectory: &isChildFolder) else { continue }
      if isChildFolder {
        // A link to a folder may lead back up.
        let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: child)) != nil
        if isRecursive, !isLink { files += try folderFiles(child, isRecursive: true) }
      } else if [".yaml", ".yml", ".json"].contains(where: entry.hasSuffix) {
        files.append(child)
      }
    }
    return files
  }
}
