public import Archives
public import ReleaseManifest
import WireFormats
import YAMLDocuments

/// Whether an archive is what it is taken for: a chart of that version, or a bundle that an Agent can use. The vendor's server
/// and the customer's ask the same before they keep one.
public struct ReleaseArchive: Sendable {
  /// The `name` in `Chart.yaml`.
  public var chartName = "wrktalk"
  public var limits = ArchiveLimits(
    maximumEntries: 20_000, maximumTotalBytes: 8 << 30, maximumEntryBytes: 4 << 30, ratioFreeBytes: 8 << 20)

  /// Of `Chart.yaml` and the chart's values together, or of the Compose file.
  private static func maximumDocumentBytes(_ runtime: Manifest.Runtime) -> Int {
    switch runtime {
    case .helm: 4 << 20
    case .compose: 1 << 20
    }
  }
  /// In the order in which Compose itself looks.
  static let composeFiles = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"]

  public init(chartName: String = "wrktalk") { self.chartName = chartName }

  /// - Parameter version: that a chart must have, a semantic version without a `v` before it.
  /// - Returns: why the archive cannot be used, in words that follow its name; nil for a good one.
  /// - Throws: `ArchiveError`, where it is no such archive or cannot be read now.
  public func fault(
    ofFile path: String, runtime: Manifest.Runtime, version: String
  ) async throws(ArchiveError) -> String? {
    let isKept: @Sendable (String) -> Bool =
      switch runtime {
      case .helm: { Self.isIn($0, named: ["Chart.yaml", "values.yaml"], depth: 2...2) }
      case .compose: { Self.isIn($0, named: Self.composeFiles, depth: 1...2) }
      }
    let listing = try await ArchiveInspector.inspect(
      path, limits: limits, maximumKeptBytes: Self.maximumDocumentBytes(runtime), keeping: isKept)
    return switch runtime {
    case .helm: chartFault(listing, version: version)
    case .compose: Self.bundleFault(listing)
    }
  }

  private static func isIn(_ path: String, named names: [String], depth: ClosedRange<Int>) -> Bool {
    let parts = path.split(separator: "/")
    return depth.contains(parts.count) && names.contains { $0 == parts.last ?? "" }
  }

  /// What somebody wrote, fit for a message.
  private static func shown(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(80).map { $0.properties.generalCategory.isPrintable ? $0 : "\u{FFFD}" }))
  }

  // MARK: Charts

  /// Nil for a chart of this name and version.
  func chartFault(_ listing: ArchiveInspector.Listing, version: String) -> String? {
    let folders = Set(listing.files.map { $0.prefix { $0 != "/" } })
    guard folders.count == 1, let folder = folders.first, listing.files.allSatisfy({ $0.contains("/") }) else {
      return "it must hold one folder with the chart in it, as helm package makes it"
    }
    guard let bytes = listing.contents["\(folder)/Chart.yaml"] else { return "\(folder)/Chart.yaml is missing" }
    let chart: JSONValue
    do throws(YAMLError) {
      let documents = try YAMLStream.parse(bytes, file: "Chart.yaml", keys: .lenient, maximumNodeCount: 20_000)
      guard documents.count == 1, let document = documents.first, document.value.object != nil else {
        return "Chart.yaml is not one YAML document with fields"
      }
      chart = document.value
    } catch {
      return "\(error)"
    }
    guard let name = chart["name"]?.string else { return "Chart.yaml has no name" }
    guard name == chartName else {
      return "Chart.yaml has the name \"\(Self.shown(name))\", and \"\(chartName)\" is expected"
    }
    guard let text = chart["version"]?.string else { return "Chart.yaml has no version that is text" }
    guard let found = SemanticVersion(text), found == SemanticVersion(version) else {
      return "Chart.yaml has the version \"\(Self.shown(text))\", and it is to be \(version)"
    }
    return listing.contents["\(folder)/values.yaml"].flatMap(Self.valuesFault)
  }

  /// As Helm reads a chart's own values: nothing, or fields.
  private static func valuesFault(_ bytes: [UInt8]) -> String? {
    do throws(YAMLError) {
      let documents = try YAMLStream.parse(bytes, file: "values.yaml", keys: .lenient, maximumNodeCount: 200_000)
      guard let first = documents.first?.value, first != .null, first.object == nil else { return nil }
      return "values.yaml has no fields, but \(first.typeName)"
    } catch {
      return "\(error)"
    }
  }

  // MARK: Bundles

  /// Nil where an Agent finds the Compose file: at the top, or in the one folder there is.
  static func bundleFault(_ listing: ArchiveInspector.Listing) -> String? {
    // What macOS adds to an archive is no part of what was packed.
    let files = listing.files.map { $0.split(separator: "/") }.filter { parts in
      !parts.contains { $0 == "__MACOSX" || $0 == ".DS_Store" || $0.hasPrefix("._") }
    }
    let isAtTop = files.contains { $0.count == 1 && composeFiles.contains(String($0[0])) }
    let folders = Set(files.filter { $0.count > 1 && !$0[0].hasPrefix(".") }.map { String($0[0]) })
    let prefix: String
    if isAtTop {
      prefix = ""
    } else if folders.count == 1, let folder = folders.first {
      prefix = "\(folder)/"
    } else if folders.isEmpty {
      return "it holds no docker-compose.yaml"
    } else {
      return
        "it holds the folders \(folders.sorted().prefix(5).joined(separator: ", ")), so that it is not clear which of "
        + "them is the bundle"
    }
    guard let name = composeFiles.first(where: { listing.contents[prefix + $0] != nil }),
      let bytes = listing.contents[prefix + name]
    else {
      return "it holds no \(prefix)docker-compose.yaml; pack the folder that has it: "
        + "tar -czf wrktalk-VERSION-compose.tar.gz -C compose wrktalk"
    }
    do throws(YAMLError) {
      let documents = try YAMLStream.parse(bytes, file: name, keys: .untagged, maximumNodeCount: 100_000)
      guard documents.count == 1, let document = documents.first?.value, document.object != nil else {
        return "\(name) is not one YAML document with fields"
      }
      // Services may stand in other files too, which it includes or the settings name.
      let isAlone = files.count { $0.last?.hasSuffix(".yaml") == true || $0.last?.hasSuffix(".yml") == true } == 1
      return isAlone && document["include"] == nil ? serviceFault(document, name) : nil
    } catch {
      return "\(error)"
    }
  }

  /// Of a Compose file that is all there is of the project.
  private static func serviceFault(_ document: JSONValue, _ name: String) -> String? {
    guard let services = document["services"]?.object, !services.isEmpty else { return "\(name) names no service" }
    // Merged in from elsewhere in the file, they may have other names too.
    if services["<<"] != nil { return nil }
    for (service, fields) in services.sorted(by: { $0.key < $1.key }) {
      let needed =
        fields["depends_on"]?.array?.compactMap(\.string) ?? fields["depends_on"]?.object?.keys.sorted() ?? []
      guard let missing = needed.first(where: { services[$0] == nil && !$0.contains("$") }) else { continue }
      return
        "\(name): the service \(shown(service)) depends on \(shown(missing)), and there is no such service"
    }
    return nil
  }
}

extension Unicode.GeneralCategory {
  fileprivate var isPrintable: Bool {
    switch self {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: false
    default: true
    }
  }
}
