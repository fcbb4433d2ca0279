import FoundationEssentials
import TestSupport
import Testing

/// One folder of `Sources` is one module, and modules import only what lies below them. The package manager refuses circles;
/// this refuses what leads to them: a value that knows a database, a server that knows a program.
struct ModuleGraphTests {
  /// From the bottom up. A module imports modules of lower layers only; a new one finds its place here.
  private static let layers: [[String]] = [
    ["WireFormats"],
    // What every program needs: time, threads, settings.
    ["Addresses", "ProgramConfiguration", "Threads", "Timing"],
    // Values and wrappers that need nothing but formats.
    [
      "Archives", "Compression", "Cryptography", "CurlTransfers", "Database", "Processes", "MaintenanceWindows",
      "Reconciliation", "ResourceModel", "YAMLDocuments",
    ],
    [
      "Access", "AuditChain", "CoreKinds", "DeploymentKinds", "Files", "FleetKinds", "FleetProtocol", "HTTPTransport",
      "Licensing", "Mail", "Outbox", "ReleaseManifest",
    ],
    [
      "Audit", "DeploymentPlanning", "FleetPlanning", "HTTPService", "ImageRegistries", "KeyFiles", "ObjectStorage",
      "Observability",
      "OfferPlanning", "ReleaseArchives", "ResourceClient", "ResourceStorage", "TestSupport",
    ],
    ["ClusterAccess", "ComposeBundles", "FleetSimulator", "Pages", "ResourceServer", "ServerPrograms"],
    ["Accounts", "Agent", "ControlCommands"],
    ["Backend", "ControlCenter"],
    ["wrktalk-agent", "wrktalk-backend", "wrktalk-gcc", "wrktalkctl"],
  ]

  /// Modules of values in, values out: what they may import that is not this project's.
  private static let pure = [
    "AuditChain", "CoreKinds", "DeploymentKinds", "DeploymentPlanning", "FleetKinds", "FleetPlanning", "FleetProtocol",
    "Licensing", "MaintenanceWindows", "OfferPlanning", "ReleaseManifest", "ResourceModel", "WireFormats",
  ]
  private static let pureImports: Set = ["FoundationEssentials", "Synchronization"]

  /// The modules that each module imports.
  private static let imports: [String: Set<String>] = {
    let sources = "\(Testbed.repository)/Sources"
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: sources)) ?? []
    // Those of C have no Swift in them.
    return Dictionary(
      uniqueKeysWithValues: folders.filter { !$0.hasPrefix("CLib") && $0 != "CPageFiles" }.map { module in
        let files = ((try? FileManager.default.subpathsOfDirectory(atPath: "\(sources)/\(module)")) ?? []).filter {
          $0.hasSuffix(".swift")
        }
        return (module, files.reduce(into: Set()) { $0.formUnion(imports(of: "\(sources)/\(module)/\($1)")) })
      })
  }()

  private static func text(of file: String) -> String {
    FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  private static func imports(of file: String) -> Set<String> {
    let text = text(of: file)
    return Set(
      text.split(separator: "\n").compactMap { line in
        let words = line.split(separator: " ")
        guard let index = words.firstIndex(of: "import"), index + 1 < words.count,
          words[..<index].allSatisfy({ $0.hasPrefix("@") || ["public", "package", "internal"].contains($0) })
        else { return nil }
        return String(words[index + 1])
      })
  }

  @Test func everyModuleHasItsPlace() {
    let placed = Set(Self.layers.joined())
    #expect(Set(Self.imports.keys).subtracting(placed) == [], "place it in a layer")
    #expect(placed.subtracting(Self.imports.keys) == [], "there is no such module any more")
    #expect(Self.layers.joined().count == placed.count, "a module has one place")
    #expect(Self.imports["Agent"]?.contains("DeploymentPlanning") == true, "imports are found")
  }

  @Test(arguments: layers.indices)
  func modulesImportOnlyWhatLiesBelow(_ layer: Int) {
    let below = Set(Self.layers[..<layer].joined())
    let own = Set(Self.layers.joined())
    for module in Self.layers[layer] {
      let wrong = Self.imports[module, default: []].intersection(own).subtracting(below)
      #expect(wrong == [], "\(module) imports what does not lie below it")
    }
  }

  /// Foundation takes the end of the first page of such a file for the end of the file.
  @Test func filesOfTheKernelAreReadByTheirOwnReader() throws {
    let sources = "\(Testbed.repository)/Sources"
    let files = try FileManager.default.subpathsOfDirectory(atPath: sources).filter { $0.hasSuffix(".swift") }
    let wrong = files.filter { file in
      let text = Self.text(of: "\(sources)/\(file)")
      return text.contains("\"/proc/") && ["contents(atPath", "(contentsOf"].contains { text.contains($0) }
    }
    #expect(files.count > 100 && wrong == [], "KernelFile reads them to their end")
  }

  @Test(arguments: pure)
  func valuesKnowNoInputAndOutput(_ module: String) {
    let own = Set(Self.layers.joined())
    let foreign = Self.imports[module, default: []].subtracting(own)
    #expect(foreign.subtracting(Self.pureImports) == [], "\(module) is of values alone")
    let wrappers: Set = [
      "Archives", "Compression", "CurlTransfers", "Database", "HTTPTransport", "Mail", "Observability",
      "Processes",
    ]
    #expect(Self.imports[module, default: []].isDisjoint(with: wrappers), "\(module) does no I/O")
  }
}
