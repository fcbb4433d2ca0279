import FoundationEssentials
import ReleaseManifest

/// The trust roots under which something is signed. In a rotation there are several: some Agents have only the older ones yet.
struct SigningRoots {
  /// Of one product and of different versions, the oldest first; never empty.
  let roots: [TrustRoot]

  var newest: TrustRoot { roots[roots.count - 1] }

  /// - Parameter files: at least one, in any order.
  /// - Throws: also where one of them is not signed as it has to be, or does not follow the version before it.
  init(files: [String]) throws(CommandFailure) {
    var found: [(file: String, text: [UInt8], root: TrustRoot)] = []
    for file in files {
      let text = try FileText.read(file)
      let root = try TrustFile.reading(file) { () throws(TrustError) in try TrustRoot.first(text) }
      if let other = found.first(where: { $0.root.product != root.product }) {
        throw CommandFailure(
          """
          the trust root \(printable(other.file)) is for the product \(printable(other.root.product)), and \
          \(printable(file)) for \(printable(root.product))
          """)
      }
      guard let other = found.first(where: { $0.root.version == root.version }) else {
        found.append((file, text, root))
        continue
      }
      guard other.root == root else {
        throw CommandFailure(
          "\(printable(other.file)) and \(printable(file)) are different trust roots of one version, \(root.version)")
      }
    }
    found.sort { $0.root.version < $1.root.version }
    for (before, next) in zip(found, found.dropFirst()) where before.root.version + 1 == next.root.version {
      _ = try TrustFile.reading(next.file) { () throws(TrustError) in try before.root.successor(next.text) }
    }
    guard !found.isEmpty else {
      throw CommandFailure("no trust root is named", exitCode: CommandFailure.usageExitCode)
    }
    roots = found.map(\.root)
  }

  /// Those that are named, or all that lie beside a key.
  static func read(
    _ files: [String], beside keyFiles: [String], console: Console
  ) throws(CommandFailure) -> SigningRoots {
    if !files.isEmpty { return try SigningRoots(files: files) }
    let found = Self.files(beside: keyFiles)
    guard !found.isEmpty else {
      throw CommandFailure(
        "no trust root is named, and none lies beside the key: without it nobody knows whether the signature will count",
        hint: "Use --root FILE.", exitCode: CommandFailure.usageExitCode)
    }
    let names = found.map { printable($0) }.joined(separator: ", ")
    console.note("Taking the trust \(found.count == 1 ? "root" : "roots") \(names), beside the key.")
    do throws(CommandFailure) {
      return try SigningRoots(files: found)
    } catch {
      var failure = error
      failure.hint = "--root FILE, once or several times, says which trust roots to take instead of all beside the key."
      throw failure
    }
  }

  /// `root.json`, `root-2.json` and so on, in the folder of the first key that has any.
  static func files(beside keyFiles: [String]) -> [String] {
    for key in keyFiles {
      let folder = key.lastIndex(of: "/").map { String(key[...$0]) } ?? ""
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
      let versions = names.compactMap { name in Self.version(ofFile: name).map { (name: name, version: $0) } }
      if !versions.isEmpty { return versions.sorted { $0.version < $1.version }.map { folder + $0.name } }
    }
    return []
  }

  /// By its name, as `trust init` and `trust rotate` give it.
  private static func version(ofFile name: String) -> Int64? {
    if name == "root.json" { return 1 }
    guard let match = name.wholeMatch(of: /root-([0-9]+)\.json/) else { return nil }
    return Int64(match.1)
  }

  /// What a release still lacks, a sentence each; none where every Agent with one of the roots believes it.
  func missing(_ envelope: Envelope) -> [String] {
    roots.reversed().compactMap { root in
      guard let authority = root.roles[.release] else { return nil }
      let count = authority.threshold - envelope.signers(among: root.keys(of: .release)).count
      guard count > 0 else { return nil }
      let keys = "\(count) more release \(count == 1 ? "key" : "keys")"
      if root.version < newest.version {
        return
          "Agents that have only version \(root.version) of the trust root will refuse it: for them it needs \(keys) of that version."
      }
      let place = roots.count == 1 ? "" : " of version \(root.version) of the trust root, the newest"
      return "It needs \(keys)\(place): whoever has one runs release sign on the result."
    }
  }
}
