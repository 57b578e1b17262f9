// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

// Fuzz/run asks for what reads foreign bytes to be built so that libFuzzer sees what its inputs reach.
let fuzzes = Context.environment["VIREO_FUZZ"] != nil
let engineSettings =
  settings + (fuzzes ? [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])] : [])

let package = Package(
  name: "vireo",
  products: [
    .executable(name: "vireo", targets: ["vireo"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    // System libraries: module maps and nothing else.
    .systemLibrary(name: "CLibvirt", pkgConfig: "libvirt", providers: [.apt(["libvirt-dev"])]),
    .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
    .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(name: "CGcrypt", pkgConfig: "libgcrypt", providers: [.apt(["libgcrypt20-dev"])]),

    // The one piece of C: libvirt's driver in this process needs what Swift cannot do.
    .target(name: "CEmbeddedDriver"),

    // The one home of system calls.
    .target(
      name: "SystemCalls", dependencies: [.product(name: "SystemPackage", package: "swift-system")],
      swiftSettings: settings),
    .target(name: "Checksum", dependencies: ["CGcrypt"], swiftSettings: settings),
    .target(name: "Diagnostics", swiftSettings: engineSettings),
    .target(name: "BlockingWork", dependencies: ["SystemCalls"], swiftSettings: settings),
    .target(name: "Failpoints", dependencies: ["SystemCalls"], swiftSettings: settings),
    .target(
      name: "DiskImage",
      dependencies: [
        "CDeflate", "CZlib", "CZstd", "Failpoints", "SystemCalls",
        .product(name: "SystemPackage", package: "swift-system"),
      ], swiftSettings: engineSettings),
    .target(name: "Versions", swiftSettings: settings),
    .target(name: "XMLTree", dependencies: ["CLibXML2", "SystemCalls"], swiftSettings: engineSettings),
    .target(name: "YAMLTree", dependencies: ["CLibYAML", "Diagnostics"], swiftSettings: engineSettings),
    .target(
      name: "Libvirt",
      dependencies: ["BlockingWork", "CEmbeddedDriver", "CLibvirt", "Failpoints", "SystemCalls", "Versions"],
      swiftSettings: settings),
    .target(
      name: "Vocabulary", dependencies: ["Checksum", "SystemCalls", "Versions", "XMLTree"],
      swiftSettings: engineSettings),
    .target(
      name: "Spec",
      dependencies: [
        "Diagnostics", "SystemCalls", "Vocabulary", "YAMLTree",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: engineSettings),
    .target(
      name: "Inventory",
      dependencies: [
        "BlockingWork", "Checksum", "DiskImage", "Libvirt", "SystemCalls", "Versions", "Vocabulary", "XMLTree",
      ], swiftSettings: engineSettings),
    .target(
      name: "Planner",
      dependencies: [
        "Checksum", "Diagnostics", "DiskImage", "Inventory", "Libvirt", "Spec", "SystemCalls", "Versions", "Vocabulary",
        "XMLTree",
      ], swiftSettings: engineSettings),
    .target(
      name: "Importer",
      dependencies: ["Diagnostics", "DiskImage", "Inventory", "Planner", "Spec", "Vocabulary", "XMLTree", "YAMLTree"],
      swiftSettings: engineSettings),
    .target(
      name: "Applier",
      dependencies: [
        "BlockingWork", "Checksum", "Diagnostics", "DiskImage", "Failpoints", "Inventory", "Libvirt", "Planner",
        "SystemCalls", "Versions", "Vocabulary", "XMLTree",
        .product(name: "SystemPackage", package: "swift-system"),
      ], swiftSettings: engineSettings),
    .target(
      name: "Report",
      dependencies: [
        "Applier", "Diagnostics", "DiskImage", "Inventory", "Planner", "SystemCalls", "Versions", "Vocabulary",
        "XMLTree",
      ],
      swiftSettings: settings
    ),
    .executableTarget(
      name: "vireo",
      dependencies: [
        "Applier", "BlockingWork", "Diagnostics", "DiskImage", "Failpoints", "Importer", "Inventory", "Libvirt",
        "Planner",
        "Report", "Spec", "SystemCalls", "Vocabulary", "XMLTree", "YAMLTree",
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: settings),

    // Runs import, plan and definition over a folder of libvirt's documents, and counts what holds.
    .executableTarget(
      name: "document-check",
      dependencies: [
        "Applier", "Diagnostics", "DiskImage", "Importer", "Inventory", "Libvirt", "Planner", "Spec", "Vocabulary",
        "XMLTree", "YAMLTree", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: settings),

    // One process that does many small operations on images, for Benchmarks/images.
    .executableTarget(
      name: "image-operations", dependencies: ["BlockingWork", "DiskImage"], path: "Benchmarks/ImageOperations",
      swiftSettings: settings),

    // Shared by tests: golden files, and the one embedded libvirt that a process can have.
    .target(
      name: "TestSupport", dependencies: ["Libvirt", "Versions", "XMLTree"], path: "Tests/TestSupport",
      swiftSettings: settings),
    .testTarget(
      name: "DiagnosticsTests", dependencies: ["Diagnostics", "TestSupport"], exclude: ["Golden"],
      swiftSettings: settings),
    .testTarget(
      name: "YAMLTreeTests", dependencies: ["Diagnostics", "TestSupport", "YAMLTree"], exclude: ["Golden"],
      swiftSettings: settings),
    .testTarget(name: "XMLTreeTests", dependencies: ["TestSupport", "XMLTree"], swiftSettings: settings),
    .testTarget(
      name: "SystemCallsTests",
      dependencies: ["SystemCalls", .product(name: "SystemPackage", package: "swift-system")], swiftSettings: settings),
    .testTarget(name: "ChecksumTests", dependencies: ["Checksum"], swiftSettings: settings),
    .testTarget(name: "BlockingWorkTests", dependencies: ["BlockingWork"], swiftSettings: settings),
    .testTarget(
      name: "DiskImageTests",
      dependencies: ["DiskImage", "SystemCalls", .product(name: "SystemPackage", package: "swift-system")],
      swiftSettings: settings),
    .testTarget(name: "LibvirtTests", dependencies: ["Libvirt", "TestSupport", "Versions"], swiftSettings: settings),
    .testTarget(
      name: "VocabularyTests", dependencies: ["TestSupport", "Versions", "Vocabulary", "XMLTree"],
      swiftSettings: settings),
    .testTarget(
      name: "SpecTests", dependencies: ["Diagnostics", "Spec", "TestSupport", "Vocabulary", "YAMLTree"],
      exclude: ["Golden", "Mistakes"], swiftSettings: settings),
    .testTarget(name: "InventoryTests", dependencies: ["DiskImage", "Inventory", "XMLTree"], swiftSettings: settings),
    .testTarget(
      name: "PlannerTests",
      dependencies: [
        "Diagnostics", "DiskImage", "Inventory", "Libvirt", "Planner", "Report", "Spec", "SystemCalls", "TestSupport",
        "Versions", "Vocabulary", "XMLTree",
      ],
      exclude: ["Golden"], swiftSettings: settings),
    .testTarget(
      name: "ImporterTests",
      dependencies: [
        "Diagnostics", "DiskImage", "Importer", "Inventory", "Planner", "Report", "Spec", "TestSupport", "Vocabulary",
        "XMLTree",
        "YAMLTree",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ApplierTests",
      dependencies: [
        "Applier", "Checksum", "DiskImage", "Inventory", "Libvirt", "Planner", "TestSupport", "Vocabulary", "XMLTree",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ReportTests",
      dependencies: [
        "Applier", "Diagnostics", "DiskImage", "Inventory", "Planner", "Report", "SystemCalls", "TestSupport",
        "Vocabulary",
        "XMLTree",
      ],
      exclude: ["Golden"], swiftSettings: settings),
    .testTarget(
      name: "CommandLineTests", dependencies: ["TestSupport", "vireo"], exclude: ["Golden"], swiftSettings: settings),
    .testTarget(
      name: "EndToEndTests",
      dependencies: ["Libvirt", "TestSupport", "Versions", "Vocabulary", "XMLTree", "document-check", "vireo"],
      swiftSettings: settings),
  ]
)

if fuzzes {
  // libFuzzer's own interface is in C.
  let fuzzSettings = settings + [.enableExperimentalFeature("Extern")]
  func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
      name: name, dependencies: ["FuzzDriver"] + dependencies, path: "Fuzz/\(name)",
      swiftSettings: fuzzSettings + [.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"])],
      // gold cannot link the runtime's debug information.
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])])
  }
  package.targets += [
    .target(name: "FuzzDriver", path: "Fuzz/Driver", swiftSettings: fuzzSettings),
    fuzzer("ImageFuzzer", ["DiskImage"]),
    fuzzer(
      "DocumentFuzzer",
      [
        "Applier", "Diagnostics", "Importer", "Inventory", "Planner", "Spec", "Vocabulary", "XMLTree", "YAMLTree",
      ]),
  ]
}
