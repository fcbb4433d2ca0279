import FoundationEssentials
import HTTPService
import TestSupport
import Testing

@testable import Pages

@Suite struct PageTests {
  private static let pages: [(folder: String, page: Page)] = [("tower", .controlTower), ("fleet", .fleet)]
  private static let sources = "\(Testbed.repository)/Sources/CPageFiles"

  private func files(_ folder: String) throws -> [String: [UInt8]] {
    Dictionary(
      uniqueKeysWithValues: try FileManager.default.contentsOfDirectory(atPath: "\(Self.sources)/\(folder)").map {
        name in
        let path = "\(folder)/\(name)"
        return (path, [UInt8](FileManager.default.contents(atPath: "\(Self.sources)/\(path)") ?? Data()))
      })
  }

  /// The path of a file below the folder that it is served from.
  private func path(_ served: String) -> String {
    served.split(separator: "/").dropFirst(2).joined(separator: "/")
  }

  @Test(arguments: pages.indices)
  func everyFileIsServedAsItIsWritten(_ index: Int) throws {
    let (folder, page) = Self.pages[index]
    let written = try files("shared").merging(files(folder)) { $1 }.filter { $0.key != "\(folder)/index.html" }
    let served = page.assets.filter { $0.key.hasPrefix("/assets/") && !$0.key.hasSuffix("/\(Page.script)") }
    #expect(Set(served.keys.map(path)) == Set(written.keys), "name a new file in Sources/CPageFiles/*.c")
    for (served, asset) in served {
      #expect(asset.bytes == written[path(served)], "\(served) is what it was before: build")
      #expect(asset.isImmutable)
    }
  }

  @Test(arguments: pages.indices)
  func thePageNamesOnlyWhatIsServed(_ index: Int) throws {
    let page = Self.pages[index].page
    let html = String(decoding: try #require(page.assets["/"]).bytes, as: UTF8.self)
    let named = html.split(separator: "\"").filter { $0.hasPrefix("/assets/") }
    #expect(named.count > 3)
    for path in named { #expect(page.assets[String(path)] != nil, "\(path)") }
    #expect(page.assets["/"]?.isImmutable == false)
    #expect(page.assets["/sign-in/oidc"]?.bytes == page.assets["/"]?.bytes)
  }

  /// Modules find each other by where they lie.
  @Test(arguments: pages.indices)
  func everyModuleImportsOnlyWhatIsServed(_ index: Int) {
    let page = Self.pages[index].page
    for (served, asset) in page.assets where served.hasSuffix(".js") {
      let folder = served.split(separator: "/").dropLast()
      for line in String(decoding: asset.bytes, as: UTF8.self).split(separator: "\n") {
        guard line.hasPrefix("import ") || line.hasPrefix("} from "),
          let name = line.split(separator: "\"").dropFirst().first
        else { continue }
        var parts = folder
        for part in name.split(separator: "/") where part != "." {
          if part == ".." { parts.removeLast() } else { parts.append(part) }
        }
        #expect(page.assets["/" + parts.joined(separator: "/")] != nil, "\(served) imports \(name)")
      }
    }
  }

  /// What turns text into markup or code, and what the content security policy would refuse, is not written in the first place.
  @Test(arguments: pages.indices)
  func nothingOfAPageTurnsTextIntoMarkup(_ index: Int) {
    let refused = [
      "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "createContextualFragment", "DOMParser",
      "eval(",
      "new Function", "srcdoc", "setHTMLUnsafe", "http://", " style=", " onclick=", " onload=",
    ]
    for (path, asset) in Self.pages[index].page.assets where !path.hasSuffix(".svg") {
      let text = String(decoding: asset.bytes, as: UTF8.self)
      // The name of a namespace is no address.
      let rest = text.split(separator: "http://www.w3.org/2000/svg").joined()
      for word in refused { #expect(!rest.contains(word), "\(path) has \(word)") }
    }
  }

  @Test(arguments: pages.indices)
  func theFirstViewIsSmall(_ index: Int) {
    let (folder, page) = Self.pages[index]
    // The modules come as one.
    let bytes = page.assets.filter { path, _ in
      path != "/sign-in/oidc" && (!path.hasSuffix(".js") || path.hasSuffix("/\(Page.script)"))
    }.values.map { $0.compressed?.count ?? $0.bytes.count }
    #expect(bytes.reduce(0, +) < 60_000, "all of \(folder), compressed")
  }

  @Test func whatIsUnderNoPathOfAPageStaysTheServers() {
    for path in [
      "/api", "/apis", "/healthz", "/readyz", "/metrics", "/internal/agent/tasks", "/openapi/v3", "/version",
    ] {
      #expect(Page.controlTower.assets[path] == nil)
    }
  }
}
