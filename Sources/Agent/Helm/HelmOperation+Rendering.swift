import ComposeBundles
import Cryptography
import FoundationEssentials
import Processes
import ReleaseManifest
import Timing
import WireFormats
import YAMLDocuments

extension HelmOperation {
  /// Lets helm render what it is about to deploy, and judges that before anything is changed: what the Agent could not look
  /// after, and what starts another image than the vendor signed, never comes near the cluster.
  ///
  /// What is rendered holds secrets. It is in memory for as long as it is judged, and nowhere else.
  /// - Parameters:
  ///   - images: all that may run; nil where nobody says, so that the values may decide anything, too.
  ///   - folder: where files may be written; it goes with the preparation.
  /// - Returns: what helm would apply.
  @discardableResult
  func judge(
    _ upgrade: HelmCommand.Upgrade, images: SignedImages?, _ values: HelmValues, folder: String, mask: SecretMask
  ) async throws(RuntimeFailure) -> [JSONValue] {
    let definitions = try await definitions(of: upgrade.chart, mask: mask)
    let documents: [JSONValue]
    switch try await rendered(upgrade, bringsKinds: definitions != nil) {
    case .success(let found): documents = found
    case .failure(let refused): throw HelmFault.failure(refused.text, mask: mask).failure
    }
    guard let images else { return documents }
    if let refusal = images.refusal(of: documents.flatMap(ImageUse.all) + (definitions ?? [])) {
      throw refusal.masked(by: mask)
    }
    let mark = "zq" + Hexadecimal.encode(SecureRandom.bytes(count: 5))
    guard let marked = try values.marked(mark, chart: upgrade.chart, folder: folder) else { return documents }
    defer { marked.erase() }
    var other = upgrade
    other.valueFiles = marked.files
    let names = marked.names.joined(separator: ", ")
    switch try await rendered(other, bringsKinds: definitions != nil, isValid: false) {
    case .success(let others):
      guard let place = ExecutedParts.difference(documents, others, mark: mark) else { return documents }
      throw UnsignedValues.refusal("The values of \(names) decide \(place)").masked(by: mask)
    case .failure:
      throw UnsignedValues.refusal(
        "The chart does not render where the texts in the values of \(names) are others, so that nothing shows what they decide"
      )
    }
  }

  /// What helm would apply, hooks and all, object by object.
  /// - Parameter isValid: false where fields may have values that they cannot have.
  private func rendered(
    _ upgrade: HelmCommand.Upgrade, bringsKinds: Bool, isValid: Bool = true
  ) async throws(RuntimeFailure) -> Result<[JSONValue], Refused> {
    let output: [UInt8]
    switch try await ask(command.renderingArguments(upgrade, isValid: isValid)) {
    case .success(let bytes): output = bytes
    // The cluster does not know yet the kinds that the chart brings.
    case .failure(let refused) where bringsKinds && refused.text.contains("no matches for kind"):
      switch try await ask(command.templateArguments(upgrade, isValid: isValid)) {
      case .success(let bytes):
        return .success(
          try HelmReleaseRecord.documents(in: String(decoding: bytes, as: UTF8.self), namespace: target.namespace))
      case .failure(let refused): return .failure(refused)
      }
    case .failure(let refused): return .failure(refused)
    }
    // Helm may say something else before.
    let start = output.firstIndex(of: UInt8(ascii: "{")) ?? output.startIndex
    guard let json = try? JSONValue(parsing: Array(output[start...])), let record = try? HelmReleaseRecord(json: json)
    else {
      throw RuntimeFailure(
        kind: .transient, reason: "HelmUnusable",
        message: "\(command.executable) \(command.version) did not print as JSON what it would deploy")
    }
    return .success(try record.documents(in: target.namespace))
  }

  /// The images of what Helm applies from `crds` folders, which need not be definitions only.
  /// - Returns: nil where there is none.
  private func definitions(of chart: String, mask: SecretMask) async throws(RuntimeFailure) -> [ImageUse]? {
    let manager = FileManager.default
    guard ["crds", "charts"].contains(where: { manager.fileExists(atPath: "\(chart)/\($0)") }) else { return nil }
    switch try await ask(HelmCommand.definitionsArguments(chart: chart)) {
    case .success(let bytes):
      let text = String(decoding: bytes, as: UTF8.self)
      guard text.contains(where: { !$0.isWhitespace }) else { return nil }
      return try HelmReleaseRecord.documents(in: text, namespace: target.namespace).flatMap(ImageUse.all)
    case .failure(let refused): throw HelmFault.failure(refused.text, mask: mask).failure
    }
  }

  /// What helm wrote to its standard error.
  struct Refused: Error {
    var text: String
  }

  /// Runs helm without changing anything.
  func ask(_ arguments: [String]) async throws(RuntimeFailure) -> Result<[UInt8], Refused> {
    let result: ProcessResult
    do {
      result = try await ChildProcess.run(
        executable: command.executable, arguments: arguments, environment: runtime.configuration.environment,
        timeout: max(deadline.remaining(), .seconds(1)), terminationGrace: runtime.configuration.terminationGrace,
        outputLimit: HelmReleaseRecord.maximumByteCount)
    } catch {
      switch error {
      case .cancelled: throw .stopped
      case .timedOut:
        throw RuntimeFailure(
          kind: .permanent, reason: "Timeout",
          message: "Helm had not answered after \(DurationText(target.timeout))")
      default:
        throw RuntimeFailure(
          kind: .transient, reason: "HelmUnusable", message: "\(command.executable) could not be run: \(error)")
      }
    }
    if case .killed(let signal) = result.status {
      throw RuntimeFailure(kind: .transient, reason: "HelmInterrupted", message: "Helm was killed by signal \(signal)")
    }
    guard result.status.isSuccess else { return .failure(Refused(text: result.standardError.text)) }
    if result.standardOutput.droppedByteCount > 0 {
      throw .releaseTooLarge(
        "What the chart renders has, with chart and values, more than \(HelmReleaseRecord.maximumByteCount >> 20) MiB")
    }
    return .success(result.standardOutput.bytes)
  }
}

extension HelmReleaseRecord {
  /// Every image that the release names, in its hooks, too.
  /// - Throws: as `documents`.
  func images(in namespace: String) throws(RuntimeFailure) -> [ImageUse] {
    try documents(in: namespace).flatMap(ImageUse.all)
  }

  /// Every object of the release, and of its hooks.
  /// - Throws: `ReleaseTooLarge`, and `InvalidChart` for what is not valid YAML; both are final.
  func documents(in namespace: String) throws(RuntimeFailure) -> [JSONValue] {
    var documents = try Self.documents(in: manifest, namespace: namespace)
    for hook in hooks { documents += try Self.documents(in: hook.manifest, namespace: namespace) }
    return documents
  }

  static func documents(in text: String, namespace: String) throws(RuntimeFailure) -> [JSONValue] {
    if text.utf8.count > RenderedManifest.maximumByteCount {
      throw .releaseTooLarge("What the chart renders has \(text.utf8.count >> 20) MiB")
    }
    do throws(YAMLError) {
      return try RenderedManifest.documents(text)
    } catch {
      // A parser's words may quote what it read.
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidChart",
        message: "What the chart renders is not valid YAML: see line \(error.location.line) of it")
    }
  }
}

extension RuntimeFailure {
  func masked(by mask: SecretMask) -> RuntimeFailure {
    var failure = self
    failure.message = mask.masked(message)
    return failure
  }
}
