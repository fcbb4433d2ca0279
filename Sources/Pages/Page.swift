import CPageFiles
import Cryptography
public import HTTPService

/// What a server serves to browsers: its page at `/`, and the files of it under a path that changes with their content.
public struct Page: Sendable {
  /// By the path that each is served under.
  public let assets: [String: StaticAsset]

  /// See `ServiceConfiguration.openPaths`: who is not signed in needs the page to sign in.
  public static let openPaths = ["/", "\(assetFolder)*", signInPath]

  /// The customer's.
  public static let controlTower = Page(files(towerPageFolder()), folder: "tower")
  /// The vendor's.
  public static let fleet = Page(files(fleetPageFolder()), folder: "fleet")

  private static let assetFolder = "/assets/"
  /// Where an identity provider sends browsers back to.
  private static let signInPath = "/sign-in/oidc"
  /// Stands in the page for the folder that its files are served under.
  private static let placeholder = "/assets/VERSION/"

  private static func files(_ folder: PageFolder) -> [EmbeddedFile] {
    EmbeddedFile.all(of: sharedPageFolder()) + EmbeddedFile.all(of: folder)
  }

  /// The page's modules as one. Each of them is served by itself, too.
  static let script = "page.js"

  /// - Parameter folder: of the page itself and of the module that it begins with, among them.
  init(_ files: [EmbeddedFile], folder: String) {
    var files = files
    let index = "\(folder)/index.html"
    let modules = files.filter { $0.path.hasSuffix(".js") }.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) }
    guard
      let script = ModuleBundle.text(
        of: "\(folder)/main.js", Dictionary(modules, uniquingKeysWith: { first, _ in first }))
    else { preconditionFailure("the tests say which module of \(folder) is missing") }
    files.append(EmbeddedFile(path: Self.script, bytes: Array(script.utf8)))
    var all = SHA256()
    for file in files.sorted(by: { $0.path < $1.path }) {
      all.update(Array("\(file.path)\0\(file.bytes.count)\0".utf8))
      all.update(file.bytes)
    }
    let version = String(all.finalize().hexadecimal.prefix(16))
    var assets: [String: StaticAsset] = [:]
    for file in files {
      guard let contentType = Self.contentType(of: file.path) else { continue }
      if file.path == index {
        let text = String(decoding: file.bytes, as: UTF8.self)
          .split(separator: Self.placeholder, omittingEmptySubsequences: false)
          .joined(separator: "\(Self.assetFolder)\(version)/")
        let page = StaticAsset(contentType: contentType, bytes: Array(text.utf8), entityTag: "\"\(version)\"")
        for path in ["/", Self.signInPath] { assets[path] = page }
      } else {
        assets["\(Self.assetFolder)\(version)/\(file.path)"] = StaticAsset(
          contentType: contentType, bytes: file.bytes, entityTag: "\"\(version)\"", isImmutable: true)
      }
    }
    self.assets = assets
  }

  /// Nil for what is not served.
  private static func contentType(of path: String) -> String? {
    switch path.split(separator: ".").last {
    case "html": "text/html; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "js": "text/javascript; charset=utf-8"
    case "svg": "image/svg+xml"
    default: nil
    }
  }
}
