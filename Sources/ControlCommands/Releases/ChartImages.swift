import Cryptography
import Processes
import ReleaseManifest
import WireFormats
import YAMLDocuments

/// The images that a chart renders, and which of its values pin them.
struct ChartImages {
  var chart: String
  var valueFiles: [String]
  var imageTags: [String: String]
  var helm: String
  var environment: [String: String]

  private static let outputLimit = 16 << 20

  /// What `Chart.yaml` says of the chart.
  struct Title: Hashable {
    var name: String
    var version: String
    /// Of what the chart deploys; nil where it does not say.
    var appVersion: String?
  }

  func title() async throws(CommandFailure) -> Title {
    let document = try await documents(["show", "chart", chart]).first ?? .null
    let text = { (field: String) in document[field].map { $0.string ?? $0.text } }
    return Title(name: text("name") ?? "", version: text("version") ?? "", appVersion: text("appVersion"))
  }

  /// - Throws: also where a container is named by tag and no value takes its digest: no Agent starts that.
  func read() async throws(CommandFailure) -> (images: [RenderedImage], tags: TagUse) {
    let uses = try await render(pinning: [])
    let defaults = try await documents(["show", "values", chart]).first ?? .null
    let candidates = Self.candidates(services: imageTags.keys.sorted(), values: defaults)
    let values = try await pins(candidates)
    let unpinned = uses.filter { use in
      values[Self.key(use)] == nil && ImageReference(use.image).isComplete && ImageReference(use.image).digest == nil
    }
    guard unpinned.isEmpty else {
      let places = unpinned.map { "\(printable($0.object)), \(printable($0.place)) (\(printable($0.image)))" }
        .joined(separator: "; ")
      throw CommandFailure(
        "the chart \(printable(chart)) takes no digest for \(places)",
        hint: """
          What a tag means the registry decides, so Agents start signed images by digest only. Let the chart write one behind \
          the tag: {{ with .Values.backend.image.digest }}@{{ . }}{{ end }}
          """)
    }
    let images = uses.map { use in
      RenderedImage(
        service: use.name.isEmpty ? "container" : use.name, reference: use.image,
        digestValue: ImageReference(use.image).digest == nil ? values[Self.key(use)] : nil)
    }
    let named = (defaults.object ?? [:]).filter { $0.value["image"]?.object != nil }.map(\.key)
    return (images, TagUse(used: try await usedTags(), services: Set(named)))
  }

  // MARK: Tags

  /// Services whose tag appears anywhere in what is rendered.
  private func usedTags() async throws(CommandFailure) -> Set<String> {
    guard !imageTags.isEmpty else { return [] }
    let trial = Dictionary(uniqueKeysWithValues: imageTags.keys.map { ($0, Self.trialTag($0)) })
    let rendered = try await tried { () async throws(CommandFailure) in
      try await documents(templateArguments(tags: trial))
    }
    // A chart may take no tags but of a certain form: then nobody knows.
    guard let rendered else { return Set(imageTags.keys) }
    let texts = rendered.flatMap { Self.texts(in: $0) }
    return Set(trial.filter { entry in texts.contains { $0.contains(entry.value) } }.map(\.key))
  }

  /// Stands for no tag, and for this service only.
  private static func trialTag(_ service: String) -> String {
    "trial-\(SHA256.digest(of: "tag of \(service)").hexadecimal.prefix(32))"
  }

  private static func texts(in value: JSONValue) -> [String] {
    switch value {
    case .string(let text): [text]
    case .array(let elements): elements.flatMap { texts(in: $0) }
    case .object(let members): members.values.flatMap { texts(in: $0) }
    case .null, .bool, .integer, .number: []
    }
  }

  /// Nil where the chart refuses what is tried.
  private func tried<Value>(
    _ body: () async throws(CommandFailure) -> Value
  ) async throws(CommandFailure) -> Value? {
    do throws(CommandFailure) {
      return try await body()
    } catch {
      if error.isInterruption { throw error }
      return nil
    }
  }

  private static func key(_ use: ImageUse) -> String { "\(use.object)/\(use.path)" }

  // MARK: Values that take a digest

  /// What a chart may call the digest of an image: beside the tag that the Agent sets, and wherever its values have an image.
  static func candidates(services: [String], values: JSONValue) -> [String] {
    var found = services.map { "\($0).image.digest" }
    func collect(_ value: JSONValue, _ path: [String]) {
      guard path.count < 6, let members = value.object else { return }
      for (key, member) in members.sorted(by: { $0.key < $1.key }) {
        if member["repository"] != nil || member["tag"] != nil || member["digest"] != nil, member.object != nil {
          found.append((path + [key, "digest"]).joined(separator: "."))
        }
        collect(member, path + [key])
      }
    }
    collect(values, [])
    let isPath = { (text: String) in
      text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
        !$0.isEmpty
          && $0.utf8.allSatisfy { byte in
            byte < 0x80
              && (Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber || byte == 0x5F
                || byte == 0x2D)
          }
      }
    }
    return found.filter(isPath).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// Gives each value a digest of its own, and looks at which places it appears.
  private func pins(_ candidates: [String]) async throws(CommandFailure) -> [String: String] {
    guard !candidates.isEmpty else { return [:] }
    let together = try await tried { () async throws(CommandFailure) in try await render(pinning: candidates) }
    if let together { return Self.pinned(together, candidates) }
    // A schema of values may refuse one that the chart does not know, and the others with it.
    var found: [String: String] = [:]
    for candidate in candidates {
      let uses = try await tried { () async throws(CommandFailure) in try await render(pinning: [candidate]) }
      found.merge(Self.pinned(uses ?? [], [candidate])) { first, _ in first }
    }
    return found
  }

  private static func pinned(_ uses: [ImageUse], _ candidates: [String]) -> [String: String] {
    var found: [String: String] = [:]
    for use in uses {
      guard let digest = ImageReference(use.image).digest else { continue }
      found[key(use)] = candidates.first { trialDigest($0) == digest }
    }
    return found
  }

  /// Stands for no image, and for this value only.
  private static func trialDigest(_ value: String) -> String {
    ImageDigest.prefix + SHA256.digest(of: "digest of \(value)").hexadecimal
  }

  // MARK: Helm

  private func templateArguments(tags: [String: String]) -> [String] {
    var arguments = ["template", "release", chart, "--include-crds"]
    for file in valueFiles { arguments += ["--values", file] }
    for (service, tag) in tags.sorted(by: { $0.key < $1.key }) {
      arguments += ["--set-string", "\(Self.escaped(service)).image.tag=\(Self.escaped(tag))"]
    }
    return arguments
  }

  private func render(pinning values: [String]) async throws(CommandFailure) -> [ImageUse] {
    var arguments = templateArguments(tags: imageTags)
    for value in values { arguments += ["--set-string", "\(value)=\(Self.trialDigest(value))"] }
    // A List holds objects as they stand alone.
    return try await documents(arguments).flatMap { $0["items"]?.array ?? [$0] }.flatMap { ImageUse.all(in: $0) }
  }

  /// As helm takes a text within `--set-string`.
  private static func escaped(_ text: String) -> String {
    text.reduce(into: "") { $0 += ".,{}=\\".contains($1) ? "\\\($1)" : String($1) }
  }

  private func documents(_ arguments: [String]) async throws(CommandFailure) -> [JSONValue] {
    let result = try await ForegroundProcess.run(
      "helm", executable: helm, arguments: arguments, environment: environment, timeout: .seconds(120),
      outputLimit: Self.outputLimit, hint: "Helm 3 or 4 renders the chart; --helm names where it is.")
    guard result.status.isSuccess else {
      let words = printable(result.standardError.text)
      throw CommandFailure(
        "the chart \(printable(chart)) does not render: \(words)",
        hint: "Give the values that it needs with --values FILE.")
    }
    guard result.standardOutput.droppedByteCount == 0 else {
      throw CommandFailure("the chart \(printable(chart)) renders more than \(Self.outputLimit >> 20) MiB")
    }
    do throws(YAMLError) {
      return try YAMLStream.parse(
        result.standardOutput.bytes, file: "helm \(arguments[0])", keys: .lenient, limit: Self.outputLimit
      ).map(\.value)
    } catch {
      throw CommandFailure("what the chart \(printable(chart)) renders is not valid YAML: \(error)")
    }
  }
}
