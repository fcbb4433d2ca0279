import FoundationEssentials
import TestSupport
import Testing
import WireFormats

/// `manifests/release/sbom.sh`, on the programs that the tests were built with.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/dpkg-query")))
struct BillOfMaterialsTests {
  @Test func everythingThatIsLinkedIsListed() async throws {
    let program = Testbed.program("wrktalkctl")
    let text = try await CustomerEnvironment.command(
      "env", "SOURCE_DATE_EPOCH=86400", "\(Testbed.repository)/manifests/release/sbom.sh", program)
    let bill = try JSONValue(parsing: text)
    #expect(bill["spdxVersion"] == "SPDX-2.3")
    #expect(bill["creationInfo"]?["created"] == "1970-01-02T00:00:00Z")
    let packages = bill["packages"]?.array ?? []
    let identifiers = packages.compactMap { $0["SPDXID"]?.string }
    #expect(Set(identifiers).count == packages.count, "an identifier stands twice")
    #expect(identifiers.allSatisfy { $0.wholeMatch(of: /SPDXRef-[A-Za-z0-9.\-]+/) != nil })

    let bytes = try #require(FileManager.default.contents(atPath: "\(Testbed.repository)/Package.resolved"))
    let pins = try JSONValue(parsing: [UInt8](bytes))["pins"]?.array ?? []
    #expect(!pins.isEmpty)
    for pin in pins {
      let identity = try #require(pin["identity"]?.string)
      let package = try #require(packages.first { $0["name"]?.string == identity }, "\(identity) is not listed")
      let revision = try #require(pin["state"]?["revision"]?.string)
      #expect(package["downloadLocation"]?.string?.hasSuffix("@\(revision)") == true)
    }
    for library in ["libcurl4", "libc6", "libyaml-0-2"] {
      let package = try #require(packages.first { $0["name"]?.string == library }, "\(library) is not listed")
      #expect(package["versionInfo"]?.string?.isEmpty == false)
    }

    let digest = try await CustomerEnvironment.command("sha256sum", program).prefix(64)
    let own = try #require(packages.first { $0["name"] == "wrktalkctl" })
    #expect(own["checksums"] == [["algorithm": "SHA256", "checksumValue": .string(String(digest))]])
    for relationship in bill["relationships"]?.array ?? [] {
      for end in ["spdxElementId", "relatedSpdxElement"] {
        let name = relationship[end]?.string ?? ""
        #expect(name == "SPDXRef-DOCUMENT" || identifiers.contains(name), "\(name) is no package")
      }
    }
  }
}
