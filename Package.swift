// swift-tools-version: 6.2
import PackageDescription

/// Strict settings of every module; the system library targets hold no Swift code.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// The wrappers around C libraries: the same, but pointers from C need no `unsafe` mark on every line.
let wrapper: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncAlgorithms = Target.Dependency.product(name: "AsyncAlgorithms", package: "swift-async-algorithms")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

func module(_ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = strict) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: strict)
}

let package = Package(
  name: "wrktalk",
  products: [
    .executable(name: "wrktalk-backend", targets: ["wrktalk-backend"]),
    .executable(name: "wrktalk-agent", targets: ["wrktalk-agent"]),
    .executable(name: "wrktalkctl", targets: ["wrktalkctl"]),
    .executable(name: "wrktalk-bench", targets: ["wrktalk-bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-async-algorithms.git", from: "1.0.0"),
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types.git", from: "1.0.0"),
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.80.0"),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.2", traits: []),
  ],
  targets: [
    // System libraries.
    .systemLibrary(name: "CLibArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .systemLibrary(name: "CLibCrypto", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLibCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CLibSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CLibZ", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

    // Values: no I/O below this line until the wrappers.
    module("WireFormats", []),
    module("ResourceModel", ["WireFormats"]),
    module("DeploymentKinds", ["ResourceModel", "WireFormats"]),
    module(
      "DeploymentPlanning", ["Cryptography", "DeploymentKinds", "ReleaseManifest", "ResourceModel", "WireFormats"]),
    module("Reconciliation", ["WireFormats", logging, metrics]),

    // Wrappers of libraries and of the operating system.
    module("YAMLDocuments", ["CLibYAML", "WireFormats"], settings: wrapper),
    module("Cryptography", ["CLibCrypto"], settings: wrapper),
    module("ReleaseManifest", ["Cryptography", "WireFormats"]),
    module("Archives", ["CLibArchive", systemPackage], settings: wrapper),
    module("Compression", ["CLibZ"], settings: wrapper),
    module("CurlTransfers", ["CLibCurl"], settings: wrapper),
    module("HTTPTransport", ["CLibCurl", "CurlTransfers"], settings: wrapper),
    module("Mail", ["CLibCurl", "Cryptography", "CurlTransfers", "WireFormats"], settings: wrapper),
    module("Database", ["CLibPQ", "CLibSQLite", "WireFormats", logging], settings: wrapper),
    module("Processes", [subprocess, systemPackage, logging]),
    module("Observability", ["WireFormats", systemPackage, logging, metrics]),
    module("Files", ["Cryptography", "WireFormats"]),
    module("ObjectStorage", ["Cryptography", "Files", "HTTPTransport", "WireFormats", systemPackage, logging]),

    // What a Compose bundle is and may hold, for the vendor who signs it and for the Agent that deploys it.
    module(
      "ComposeBundles",
      ["Cryptography", "DeploymentKinds", "DeploymentPlanning", "Observability", "WireFormats", "YAMLDocuments"]),

    // Work that is kept in a database.
    module("Outbox", ["Database", "Reconciliation", "WireFormats", logging]),

    // The resource API: kept, served and consumed.
    module("ResourceStorage", ["Database", "ResourceModel", "WireFormats", logging]),
    module(
      "ResourceServer",
      [
        "Compression", "ResourceModel", "ResourceStorage", "WireFormats", asyncAlgorithms, httpTypes, hummingbird,
        logging,
        metrics, nioCore, nioHTTP1, serviceLifecycle,
      ]),
    module("ResourceClient", ["HTTPTransport", "ResourceModel", "WireFormats", logging]),
    module("ClusterAccess", ["Cryptography", "HTTPTransport", "ResourceClient", "WireFormats", "YAMLDocuments"]),

    // The programs, as libraries.
    module(
      "Backend",
      [
        "Cryptography", "Database", "DeploymentKinds", "Files", "Observability", "ResourceModel", "ResourceServer",
        "ResourceStorage", "WireFormats", argumentParser, hummingbird, logging, nioCore, serviceLifecycle,
        systemPackage, unixSignals,
      ]),
    module(
      "Agent",
      [
        "Archives", "ClusterAccess", "ComposeBundles", "Compression", "Cryptography", "DeploymentKinds",
        "DeploymentPlanning", "HTTPTransport", "Files", "ObjectStorage", "Observability", "Processes", "Reconciliation",
        "ReleaseManifest",
        "ResourceClient",
        "ResourceModel", "WireFormats", "YAMLDocuments",
        argumentParser, logging, metrics, serviceLifecycle, unixSignals, systemPackage,
      ]),
    module(
      "ControlCommands",
      [
        "Archives", "ComposeBundles", "Cryptography", "DeploymentKinds", "DeploymentPlanning", "Files", "HTTPTransport",
        "Processes", "ReleaseManifest", "ResourceClient", "ResourceModel", "WireFormats", "YAMLDocuments",
        argumentParser, logging, systemPackage, unixSignals,
      ]),

    // Executables: arguments and composition only.
    program("wrktalk-backend", ["Backend", argumentParser]),
    program("wrktalk-agent", ["Agent", argumentParser]),
    program("wrktalkctl", ["ControlCommands", argumentParser]),
    .target(name: "BareWebhooks", dependencies: ["CLibCurl"], path: "Tests/Benchmarks/BareWebhooks"),
    .executableTarget(
      name: "wrktalk-bench",
      dependencies: [
        "BareWebhooks", "Cryptography", "Database", "DeploymentKinds", "HTTPTransport", "Processes", "Reconciliation",
        "ReleaseManifest",
        "ResourceModel", "ResourceStorage",
        "WireFormats", argumentParser, logging, systemPackage,
      ],
      path: "Tests/Benchmarks", exclude: ["BareWebhooks", "bench.sh", "bench-helm.sh", "measure.sh"],
      swiftSettings: strict),

    // What fuzzing tries, for the tests and for the fuzzer.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Agent", "Archives", "ComposeBundles", "DeploymentKinds", "DeploymentPlanning", "HTTPTransport",
        "ObjectStorage", "ReleaseManifest", "ResourceModel", "ResourceServer", "ResourceStorage", "WireFormats",
        "YAMLDocuments",
      ],
      path: "Tests/Fuzzing/Targets", swiftSettings: strict),
    tests("FuzzingTests", ["FuzzTargets"]),

    // Tests.
    module(
      "TestSupport",
      [
        "Cryptography", "HTTPTransport", "Processes", "ReleaseManifest", "WireFormats", logging, subprocess,
        systemPackage,
      ]),
    tests("ArchitectureTests", []),
    tests("WireFormatsTests", ["WireFormats"]),
    tests("ResourceModelTests", ["ResourceModel", "WireFormats"]),
    tests("DeploymentKindsTests", ["DeploymentKinds", "ResourceModel", "WireFormats", "YAMLDocuments"]),
    tests(
      "DeploymentPlanningTests",
      ["DeploymentPlanning", "DeploymentKinds", "ReleaseManifest", "Cryptography", "ResourceModel", "WireFormats"]),
    tests("ReconciliationTests", ["Reconciliation", "WireFormats", logging, metrics]),
    tests("YAMLDocumentsTests", ["YAMLDocuments", "WireFormats"]),
    tests("CryptographyTests", ["Cryptography"]),
    tests(
      "ReleaseManifestTests", ["ReleaseManifest", "Cryptography", "Processes", "WireFormats"], exclude: ["vectors.py"]),
    tests("CompressionTests", ["Compression"]),
    tests("ComposeBundlesTests", ["ComposeBundles", "WireFormats", "YAMLDocuments"]),
    tests("ArchivesTests", ["Archives", "Processes", systemPackage]),
    tests("CurlTransfersTests", ["CLibCurl", "CurlTransfers"]),
    tests("HTTPTransportTests", ["CurlTransfers", "HTTPTransport"]),
    .systemLibrary(
      name: "CLibSSL", path: "Tests/MailTests/CLibSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    tests("MailTests", ["CLibSSL", "CurlTransfers", "Mail", "WireFormats"], exclude: ["CLibSSL"]),
    tests("ProcessesTests", ["Processes", systemPackage]),
    tests("ObservabilityTests", ["Observability", "Reconciliation", "WireFormats", logging, metrics]),
    tests("ObjectStorageTests", ["ObjectStorage", "Cryptography", "HTTPTransport", "WireFormats", systemPackage]),
    tests("DatabaseTests", ["Database", logging]),
    tests("OutboxTests", ["Outbox", "Database", "Reconciliation", "WireFormats", logging]),
    tests("ResourceStorageTests", ["ResourceStorage", "Database", "ResourceModel", "WireFormats", logging]),
    tests(
      "ResourceServerTests",
      [
        "ResourceServer", "ResourceStorage", "ResourceModel", "DeploymentKinds", "HTTPTransport", "WireFormats",
        hummingbird,
        logging, nioCore, nioEmbedded, nioHTTP1, nioPosix, serviceLifecycle,
      ]),
    tests(
      "ResourceClientTests",
      ["ResourceClient", "ResourceModel", "DeploymentKinds", "HTTPTransport", "WireFormats", logging]),
    tests("ClusterAccessTests", ["ClusterAccess", "Cryptography", "HTTPTransport", "ResourceClient", "YAMLDocuments"]),
    tests(
      "BackendTests",
      [
        "Backend", "Cryptography", "Database", "DeploymentKinds", "ResourceModel", "ResourceServer",
        "ResourceStorage", "WireFormats", argumentParser, logging,
      ]),
    tests(
      "AgentTests",
      [
        "Agent", "Archives", "ClusterAccess", "ComposeBundles", "Cryptography", "DeploymentKinds", "DeploymentPlanning",
        "HTTPTransport", "ObjectStorage", "Processes", "Reconciliation", "ReleaseManifest", "ResourceClient",
        "ResourceModel",
        "WireFormats", "YAMLDocuments", logging, systemPackage,
      ]),
    tests(
      "ControlCommandsTests",
      [
        "ControlCommands", "Cryptography", "DeploymentKinds", "HTTPTransport", "Processes", "ReleaseManifest",
        "ResourceClient", "ResourceModel", "WireFormats", "YAMLDocuments", argumentParser,
      ]),
    tests(
      "ProgramTests",
      [
        "ClusterAccess", "Cryptography", "DeploymentKinds", "HTTPTransport", "ObjectStorage", "Processes",
        "ReleaseManifest", "ResourceClient", "ResourceModel", "WireFormats", "YAMLDocuments", logging, systemPackage,
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// The fuzzer links only with libFuzzer: Tests/Fuzzing/fuzz.sh builds it, and nothing else does.
if Context.environment["WRKTALK_FUZZING"] != nil {
  package.targets += [
    .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzzing/CLibFuzzer"),
    .executableTarget(
      name: "wrktalk-fuzz", dependencies: ["CLibFuzzer", "FuzzTargets"], path: "Tests/Fuzzing/Driver",
      swiftSettings: wrapper),
  ]
}
