import WireFormats

/// The modules of a page as one: on a slow network each request costs its way there and back, and a page of two dozen modules would wait for
/// several such rounds. Each module becomes a function that returns what it exports, in an order in which each finds what it imports.
/// Comments that have lines of their own, a sixth of what would be sent, are left out: who reads the modules finds them beside.
///
/// It knows what the pages' modules are written with: `import { a, b as c } from "./path.js";` on a line of its own, and `export` before
/// `function`, `async function`, `class` and `const`.
struct ModuleBundle {
  private let sources: [String: String]
  private var order: [String] = []
  private var imports: [String: [(names: String, path: String)]] = [:]

  /// The text of one module that does what `main` does.
  /// - Parameters:
  ///   - main: the path of the module that the page begins with.
  ///   - sources: the text of every module by its path.
  /// - Returns: nil where a module is missing, or imports itself over others.
  static func text(of main: String, _ sources: [String: String]) -> String? {
    var bundle = ModuleBundle(sources: sources)
    var entered: Set<String> = []
    guard bundle.visit(main, &entered) else { return nil }
    return bundle.order.enumerated().map { bundle.function($0.element, number: $0.offset) }.joined()
  }

  private init(sources: [String: String]) { self.sources = sources }

  /// Appends the module after those that it imports.
  private mutating func visit(_ path: String, _ entered: inout Set<String>) -> Bool {
    if imports[path] != nil { return true }
    guard let text = sources[path], entered.insert(path).inserted else { return false }
    var found: [(names: String, path: String)] = []
    for line in text.split(separator: "\n") {
      guard let (names, name) = Self.importOf(line) else { continue }
      let path = Self.resolve(name, from: path)
      guard visit(path, &entered) else { return false }
      found.append((names, path))
    }
    imports[path] = found
    order.append(path)
    return true
  }

  private func function(_ path: String, number: Int) -> String {
    var body = ""
    var exports: [Substring] = []
    for (names, imported) in imports[path] ?? [] {
      let place = order.firstIndex(of: imported) ?? 0
      body += "const { \(Self.renamed(names)) } = module\(place);\n"
    }
    var isInComment = false
    for line in (sources[path] ?? "").split(separator: "\n") where Self.importOf(line) == nil {
      let code = line.drop { $0 == " " }
      if isInComment || code.hasPrefix("/**") {
        isInComment = !code.hasSuffix("*/")
        continue
      }
      if code.hasPrefix("//") { continue }
      if line.hasPrefix("export "), let name = Self.exportedName(line) {
        exports.append(name)
        body += line.dropFirst("export ".count) + "\n"
      } else {
        body += line + "\n"
      }
    }
    return
      "// \(path)\nconst module\(number) = (() => {\n\(body)return { \(exports.joined(separator: ", ")) };\n})();\n"
  }

  /// The names and the path of `import { names } from "path";`; nil for any other line.
  private static func importOf(_ line: Substring) -> (names: String, path: Substring)? {
    guard line.hasPrefix("import {"), let end = line.firstIndex(of: "}"),
      let path = line[end...].split(separator: "\"").dropFirst().first
    else { return nil }
    return (String(line[line.index(line.startIndex, offsetBy: "import {".count)..<end]), path)
  }

  /// `a as b` of an import is `a: b` of a pattern.
  private static func renamed(_ names: String) -> String {
    names.split(separator: ",").map { name in
      let words = name.split(separator: " ")
      return words.count == 3 && words[1] == "as" ? "\(words[0]): \(words[2])" : words.joined(separator: " ")
    }.joined(separator: ", ")
  }

  private static func exportedName(_ line: Substring) -> Substring? {
    let words = line.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "$") })
    return words.dropFirst().first { !["async", "function", "class", "const"].contains($0) }
  }

  private static func resolve(_ name: Substring, from path: String) -> String {
    var parts = path.split(separator: "/").dropLast()
    for part in name.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return parts.joined(separator: "/")
  }
}
