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
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
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
    .executable(name: "wrktalk-gcc", targets: ["wrktalk-gcc"]),
    .executable(name: "wrktalk-backend", targets: ["wrktalk-backend"]),
    .executable(name: "wrktalk-agent", targets: ["wrktalk-agent"]),
    .executable(name: "wrktalkctl", targets: ["wrktalkctl"]),
    .executable(name: "wrktalk-bench", targets: ["wrktalk-bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-async-algorithms.git", exact: "1.1.4"),
    .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types.git", exact: "1.8.0"),
    .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl.git", exact: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics.git", exact: "2.13.0"),
    .package(url: "https://github.com/apple/swift-system.git", exact: "1.8.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess.git", exact: "1.0.2", traits: []),
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
    module("Addresses", []),
    module("Timing", ["WireFormats"]),
    module("ResourceModel", ["WireFormats"]),
    module("CoreKinds", ["ResourceModel", "WireFormats"]),
    module("DeploymentKinds", ["ResourceModel", "WireFormats"]),
    module(
      "DeploymentPlanning",
      ["Cryptography", "DeploymentKinds", "ReleaseManifest", "ResourceModel", "Timing", "WireFormats"]),
    module("Reconciliation", ["Timing", "WireFormats", logging, metrics]),

    // The fleet, as the vendor sees it: kinds, what travels between the vendor and the customers, and every decision.
    module("FleetKinds", ["ResourceModel", "WireFormats"]),
    module("FleetProtocol", ["Cryptography", "WireFormats"]),
    module(
      "FleetPlanning",
      ["FleetKinds", "FleetProtocol", "ReleaseManifest", "ResourceModel", "Timing", "WireFormats"]),

    // A release, as one customer sees it: every decision from the offer to the report.
    module(
      "OfferPlanning",
      [
        "Cryptography", "DeploymentKinds", "FleetProtocol", "ReleaseManifest", "ResourceModel", "Timing", "WireFormats",
      ]),
    // When a customer lets releases in.
    module("MaintenanceWindows", ["WireFormats"]),
    // What a vendor sells, and signs.
    module("Licensing", ["Cryptography", "WireFormats"]),

    // Wrappers of libraries and of the operating system.
    module("ProgramConfiguration", ["WireFormats"]),
    module("Threads", [], settings: wrapper),
    module("YAMLDocuments", ["CLibYAML", "WireFormats"], settings: wrapper),
    module("Cryptography", ["CLibCrypto"], settings: wrapper),
    module("ReleaseManifest", ["Cryptography", "WireFormats"]),
    module("Archives", ["CLibArchive", "Threads", systemPackage], settings: wrapper),
    module("Compression", ["CLibZ"], settings: wrapper),
    module("CurlTransfers", ["Addresses", "CLibCurl"], settings: wrapper),
    module("HTTPTransport", ["CLibCurl", "CurlTransfers"], settings: wrapper),
    module("Mail", ["Addresses", "CLibCurl", "Cryptography", "CurlTransfers", "WireFormats"], settings: wrapper),
    module("Database", ["CLibPQ", "CLibSQLite", "Threads", "WireFormats", logging], settings: wrapper),
    module("Processes", [subprocess, systemPackage, logging]),
    module("Observability", ["Files", "Timing", "WireFormats", systemPackage, logging, metrics]),
    module("Files", ["Cryptography", "WireFormats"]),
    // Private keys of people, and the passphrases that they are encrypted with.
    module("KeyFiles", ["Cryptography", "Files", argumentParser, systemPackage]),
    module(
      "ObjectStorage",
      [
        "Cryptography", "Files", "HTTPTransport", "ProgramConfiguration", "Threads", "Timing", "WireFormats",
        systemPackage, logging,
      ]),

    // What a Compose bundle is and may hold, for the vendor who signs it and for the Agent that deploys it.
    module(
      "ComposeBundles",
      ["Cryptography", "DeploymentKinds", "DeploymentPlanning", "Observability", "WireFormats", "YAMLDocuments"]),

    // What a chart and a bundle are, for both servers that keep them.
    module("ReleaseArchives", ["Archives", "ReleaseManifest", "WireFormats", "YAMLDocuments"]),

    // Work that is kept in a database.
    module("Outbox", ["Database", "Reconciliation", "Timing", "WireFormats", logging]),

    // Who did what, as a chain that shows what is missing: how it is checked, and how it is kept.
    module("AuditChain", ["Cryptography", "WireFormats"]),
    module("Audit", ["AuditChain", "Database", "WireFormats"]),

    // What every server has: who may do what, and the HTTP front.
    module("Access", ["Cryptography", "Database", "ResourceModel", "Timing", "WireFormats"]),
    module(
      "HTTPService",
      [
        "Access", "Addresses", "Compression", "Cryptography", "ProgramConfiguration", "ResourceModel", "Timing",
        "WireFormats", httpTypes, hummingbird, logging, metrics, nioCore, nioHTTP1, nioSSL,
        serviceLifecycle, unixSignals,
      ]),

    // The pages, as they are written, and as the servers serve them.
    .target(
      name: "CPageFiles", exclude: ["README.md", "fleet", "shared", "tower"],
      cSettings: [.disableWarning("c23-extensions")]),
    module("Pages", ["CPageFiles", "Cryptography", "HTTPService"], settings: wrapper),

    // The resource API: kept, served and consumed.
    module("ResourceStorage", ["Database", "ResourceModel", "WireFormats", logging]),
    module(
      "ResourceServer",
      [
        "Access", "Compression", "HTTPService", "ResourceModel", "ResourceStorage", "WireFormats", "YAMLDocuments",
        asyncAlgorithms, httpTypes, hummingbird, logging, metrics, serviceLifecycle,
      ]),
    module("ResourceClient", ["HTTPTransport", "ResourceModel", "Timing", "WireFormats", logging]),
    module(
      "ClusterAccess",
      ["Cryptography", "HTTPTransport", "ProgramConfiguration", "ResourceClient", "WireFormats", "YAMLDocuments"]),

    // The programs, as libraries.
    module(
      "ServerPrograms",
      [
        "Access", "Addresses", "Audit", "Cryptography", "Database", "HTTPService", "Mail", "Observability",
        "ProgramConfiguration", "Reconciliation", "ResourceModel", "ResourceStorage", "Timing", "WireFormats",
        argumentParser, logging,
        serviceLifecycle, systemPackage,
      ]),
    // People who sign in at a server, and the audit of what they do.
    module(
      "Accounts",
      [
        "Access", "Audit", "AuditChain", "Cryptography", "Database", "HTTPService", "HTTPTransport", "Mail",
        "ProgramConfiguration", "ResourceModel", "ServerPrograms", "Threads", "Timing", "WireFormats", argumentParser,
        httpTypes, hummingbird, logging, nioCore,
      ]),
    module(
      "Backend",
      [
        "Access", "Accounts", "Archives", "Audit", "AuditChain", "ClusterAccess", "CoreKinds", "Cryptography",
        "CurlTransfers", "Database", "DeploymentKinds", "DeploymentPlanning", "Files", "FleetProtocol", "HTTPService",
        "HTTPTransport", "Licensing", "Mail", "MaintenanceWindows", "ObjectStorage", "Observability",
        "OfferPlanning", "Outbox", "Pages", "ProgramConfiguration", "Reconciliation", "ReleaseArchives",
        "ReleaseManifest", "ResourceClient", "ResourceModel", "ResourceServer", "ResourceStorage",
        "ServerPrograms", "Threads", "Timing", "WireFormats", "YAMLDocuments", argumentParser, httpTypes,
        hummingbird, logging, metrics, nioCore, serviceLifecycle, systemPackage, unixSignals,
      ]),
    module(
      "ControlCenter",
      [
        "Access", "Accounts", "Addresses", "Archives", "Audit", "CoreKinds", "Cryptography", "CurlTransfers",
        "Database",
        "DeploymentKinds", "Files",
        "FleetKinds", "FleetPlanning",
        "FleetProtocol", "HTTPService", "HTTPTransport", "KeyFiles", "Licensing", "Mail", "ObjectStorage",
        "Observability", "Outbox", "Pages",
        "ProgramConfiguration", "Reconciliation", "ReleaseArchives", "ReleaseManifest", "ResourceModel",
        "ResourceServer",
        "ResourceStorage", "ServerPrograms", "Threads", "Timing", "WireFormats", "YAMLDocuments", argumentParser,
        httpTypes, hummingbird, logging, metrics, nioCore, serviceLifecycle, systemPackage, unixSignals,
      ]),
    module(
      "FleetSimulator",
      [
        "Cryptography", "FleetProtocol", "HTTPTransport", "Timing", "WireFormats", nioCore, nioHTTP1, nioPosix,
        systemPackage,
      ]),
    module("ImageRegistries", ["Cryptography", "HTTPTransport", "ReleaseManifest", "WireFormats"]),
    module(
      "Agent",
      [
        "Archives", "ClusterAccess", "ComposeBundles", "Compression", "CoreKinds", "Cryptography", "DeploymentKinds",
        "DeploymentPlanning", "Files", "HTTPTransport", "ImageRegistries", "Licensing", "ObjectStorage",
        "Observability", "Processes",
        "ProgramConfiguration", "Reconciliation", "ReleaseManifest", "ResourceClient", "ResourceModel", "Threads",
        "Timing", "WireFormats", "YAMLDocuments", argumentParser, logging, metrics, serviceLifecycle, unixSignals,
        systemPackage,
      ]),
    module(
      "ControlCommands",
      [
        "Archives", "AuditChain", "ComposeBundles", "CoreKinds", "Cryptography", "DeploymentKinds",
        "DeploymentPlanning", "Files", "FleetKinds", "FleetSimulator", "HTTPTransport", "ImageRegistries",
        "KeyFiles", "Observability", "Processes", "ReleaseManifest", "ResourceClient", "ResourceModel", "Timing",
        "WireFormats", "YAMLDocuments", argumentParser, logging, systemPackage, unixSignals,
      ]),

    // Executables: arguments and composition only.
    program("wrktalk-gcc", ["ControlCenter", argumentParser]),
    program("wrktalk-backend", ["Backend", argumentParser]),
    program("wrktalk-agent", ["Agent", argumentParser]),
    program("wrktalkctl", ["ControlCommands", argumentParser]),
    .target(name: "BareWebhooks", dependencies: ["CLibCurl"], path: "Tests/Benchmarks/BareWebhooks"),
    .executableTarget(
      name: "wrktalk-bench",
      dependencies: [
        "Addresses", "BareWebhooks", "Cryptography", "Database", "DeploymentKinds", "FleetProtocol", "HTTPTransport",
        "Outbox", "Processes",
        "Reconciliation", "ReleaseManifest", "ResourceModel", "ResourceStorage", "Threads", "Timing", "WireFormats",
        argumentParser, httpTypes, hummingbird, logging, nioCore, serviceLifecycle, systemPackage,
      ],
      path: "Tests/Benchmarks",
      exclude: [
        "BareWebhooks", "bench.sh", "bench-chain.sh", "bench-fleet.sh", "bench-helm.sh", "bench-pages.sh",
        "count-bytes.py", "idle-connections.py", "measure.sh", "pages.py",
      ],
      swiftSettings: strict),

    // What fuzzing tries, for the tests and for the fuzzer.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Access", "Agent", "Archives", "ComposeBundles", "CoreKinds", "DeploymentKinds", "DeploymentPlanning",
        "Cryptography", "HTTPTransport", "HTTPService", "Licensing", "MaintenanceWindows", "ObjectStorage",
        "ReleaseManifest", "ResourceModel", "ResourceServer", "ResourceStorage", "WireFormats", "YAMLDocuments",
      ],
      path: "Tests/Fuzzing/Targets", swiftSettings: strict),
    tests("FuzzingTests", ["FuzzTargets"]),

    // Tests.
    module(
      "TestSupport",
      [
        "Archives", "Cryptography", "HTTPTransport", "Processes", "ReleaseManifest", "WireFormats", logging, subprocess,
        systemPackage,
      ]),
    tests("ArchitectureTests", []),
    tests("WireFormatsTests", ["WireFormats"]),
    tests("TimingTests", ["Timing", "WireFormats"]),
    tests("ThreadsTests", ["Threads"]),
    tests("ProgramConfigurationTests", ["ProgramConfiguration"]),
    tests("ResourceModelTests", ["ResourceModel", "WireFormats"]),
    tests("DeploymentKindsTests", ["CoreKinds", "DeploymentKinds", "ResourceModel", "WireFormats", "YAMLDocuments"]),
    tests(
      "DeploymentPlanningTests",
      ["DeploymentPlanning", "DeploymentKinds", "ReleaseManifest", "Cryptography", "ResourceModel", "WireFormats"]),
    tests(
      "MaintenanceWindowsTests", ["MaintenanceWindows", "Processes", "WireFormats"], exclude: ["calendars.py"]),
    tests("FleetKindsTests", ["FleetKinds", "ResourceModel", "WireFormats"]),
    tests("LicensingTests", ["Cryptography", "Licensing", "WireFormats"]),
    tests("FleetProtocolTests", ["FleetProtocol", "WireFormats"]),
    tests(
      "OfferPlanningTests",
      [
        "Cryptography", "DeploymentKinds", "FleetProtocol", "OfferPlanning", "ReleaseManifest", "ResourceModel",
        "WireFormats",
      ]),
    tests("FleetPlanningTests", ["FleetKinds", "FleetPlanning", "FleetProtocol", "ResourceModel", "WireFormats"]),
    tests(
      "ChainSimulationTests",
      [
        "DeploymentKinds", "FleetKinds", "FleetPlanning", "FleetProtocol", "MaintenanceWindows", "OfferPlanning",
        "ReleaseManifest",
        "ResourceModel", "WireFormats",
      ]),
    tests(
      "ControlCenterTests",
      [
        "Access", "Accounts", "Archives", "Audit", "ControlCenter", "CoreKinds", "Cryptography", "Database",
        "FleetKinds", "FleetPlanning",
        "FleetProtocol", "HTTPService", "HTTPTransport", "Licensing", "ObjectStorage", "Outbox", "Processes",
        "Reconciliation", "ReleaseManifest", "ResourceModel", "ResourceStorage", "ServerPrograms", "Timing",
        "WireFormats",
        argumentParser, httpTypes,
        hummingbird, logging,
        nioCore, serviceLifecycle,
      ]),
    tests("FleetSimulatorTests", ["Cryptography", "FleetProtocol", "FleetSimulator", "HTTPTransport", "WireFormats"]),
    tests("ReconciliationTests", ["Reconciliation", "Timing", "WireFormats", logging, metrics]),
    tests("YAMLDocumentsTests", ["YAMLDocuments", "WireFormats"]),
    tests("CryptographyTests", ["Cryptography"]),
    tests(
      "ReleaseManifestTests", ["ReleaseManifest", "Cryptography", "Processes", "WireFormats"], exclude: ["vectors.py"]),
    tests("CompressionTests", ["Compression"]),
    tests("ComposeBundlesTests", ["ComposeBundles", "WireFormats", "YAMLDocuments"]),
    tests("ArchivesTests", ["Archives", "Processes", systemPackage]),
    tests("CurlTransfersTests", ["Addresses", "CLibCurl", "CurlTransfers"]),
    tests("HTTPTransportTests", ["Addresses", "CurlTransfers", "HTTPTransport"]),
    .systemLibrary(
      name: "CLibSSL", path: "Tests/MailTests/CLibSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    tests("MailTests", ["CLibSSL", "CurlTransfers", "Mail", "WireFormats"], exclude: ["CLibSSL"]),
    tests("ProcessesTests", ["Processes", systemPackage]),
    tests("ObservabilityTests", ["Observability", "Reconciliation", "WireFormats", logging, metrics]),
    tests(
      "ObjectStorageTests",
      [
        "ObjectStorage", "Cryptography", "HTTPTransport", "ProgramConfiguration", "Timing", "WireFormats",
        systemPackage,
      ], exclude: ["vectors.py"]),
    tests("AuditChainTests", ["AuditChain", "WireFormats"]),
    tests("DatabaseTests", ["Database", logging]),
    tests("OutboxTests", ["Outbox", "Database", "Reconciliation", "Timing", "WireFormats", logging]),
    tests("ResourceStorageTests", ["ResourceStorage", "Database", "ResourceModel", "WireFormats", logging]),
    tests(
      "HTTPServiceTests",
      [
        "Access", "Addresses", "HTTPService", "ResourceModel", "WireFormats", httpTypes, hummingbird, logging, nioCore,
        nioEmbedded,
      ]),
    tests("PagesTests", ["HTTPService", "Pages"]),
    tests(
      "ResourceServerTests",
      [
        "CoreKinds", "Access", "Backend", "HTTPService", "ProgramConfiguration", "ResourceServer", "ResourceStorage",
        "ResourceModel",
        "DeploymentKinds",
        "HTTPTransport", "WireFormats", hummingbird,
        logging, nioCore, nioEmbedded, nioHTTP1, nioPosix, serviceLifecycle,
      ]),
    tests(
      "ResourceClientTests",
      ["ResourceClient", "ResourceModel", "DeploymentKinds", "HTTPTransport", "WireFormats", logging]),
    tests(
      "ClusterAccessTests",
      ["ClusterAccess", "Cryptography", "HTTPTransport", "ProgramConfiguration", "ResourceClient", "YAMLDocuments"]),
    tests(
      "BackendTests",
      [
        "Access", "Accounts", "Archives", "Audit", "AuditChain", "Backend", "ControlCenter", "CoreKinds",
        "Cryptography",
        "Database", "DeploymentKinds", "DeploymentPlanning", "FleetKinds", "FleetProtocol", "HTTPService",
        "HTTPTransport", "Licensing", "Mail", "MaintenanceWindows", "ObjectStorage", "OfferPlanning", "Outbox", "Pages",
        "ProgramConfiguration", "Reconciliation", "ReleaseManifest", "ResourceModel", "ResourceServer",
        "ResourceStorage", "ServerPrograms", "Threads", "Timing", "WireFormats", argumentParser, httpTypes, hummingbird,
        logging, nioCore, nioEmbedded, serviceLifecycle,
      ], exclude: ["Fixtures"]),
    tests(
      "AgentTests",
      [
        "Agent", "Archives", "ClusterAccess", "ComposeBundles", "Cryptography", "DeploymentKinds", "DeploymentPlanning",
        "HTTPTransport", "Licensing", "ObjectStorage", "Processes", "ProgramConfiguration", "Reconciliation",
        "ReleaseManifest", "ResourceClient", "ResourceModel", "Timing", "WireFormats", "YAMLDocuments", logging,
        systemPackage,
      ]),
    tests(
      "ControlCommandsTests",
      [
        "Archives", "AuditChain", "ControlCommands", "CoreKinds", "Cryptography", "DeploymentKinds",
        "FleetKinds", "HTTPTransport", "ImageRegistries", "KeyFiles", "Processes", "ReleaseManifest", "ResourceClient",
        "ResourceModel", "WireFormats", "YAMLDocuments", argumentParser,
      ]),
    tests(
      "ProgramTests",
      [
        "CoreKinds", "ClusterAccess", "Cryptography", "Database", "DeploymentKinds", "DeploymentPlanning", "FleetKinds",
        "HTTPTransport",
        "ObjectStorage", "Processes", "ReleaseManifest", "ResourceClient", "ResourceModel", "WireFormats",
        "YAMLDocuments", logging, systemPackage,
      ], exclude: ["Chain/hostile-link.py", "Chain/mail-sink.py"]),
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
