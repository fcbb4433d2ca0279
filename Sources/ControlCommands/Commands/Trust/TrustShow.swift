import ArgumentParser
import ReleaseManifest
import Timing
import WireFormats

struct TrustShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print a trust root: keys, thresholds, end, and who has signed it.",
    discussion: """
      Several files are a chain: the first is the one to begin with, and each that follows is checked against the one before. Exit \
      code 1: it is not signed as it has to be.

      Examples: trust show root.json · trust show root.json root-2.json -o yaml
      """)

  @Argument(help: "Trust roots, the first version first.", completion: .file())
  var files: [String]

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  func run() throws {
    let console = TrustCommand.console
    var present: TrustRoot?
    var problems: [String] = []
    var shown: (envelope: Envelope, root: TrustRoot)?
    for file in files {
      let (envelope, root) = try TrustFile.root(file)
      shown = (envelope, root)
      do throws(TrustError) {
        let text = Array(envelope.text.utf8)
        if let before = present {
          present = try before.successor(text)
        } else {
          present = try TrustRoot.first(text)
        }
      } catch {
        problems.append("\(printable(file)): \(printable(error.message))")
        break
      }
    }
    guard let (envelope, root) = shown else { return }
    let view = TrustRootView(root: root, signers: envelope.signers(among: Array(root.keys.values)))
    switch output {
    case .text: try console.write(view.text(now: SystemTime.now()))
    case .yaml: try console.write(YAMLText.render(view.json))
    case .json: try console.write(JSONText.render(view.json))
    }
    for problem in problems { console.note("error: \(problem)") }
    if !problems.isEmpty { throw ExitCode(CommandFailure.generalExitCode) }
  }
}

/// A trust root as a person reads it.
struct TrustRootView {
  var root: TrustRoot
  /// Those of its keys that have signed it.
  var signers: Set<KeyID>

  func text(now: Timestamp) -> String {
    var text = "Trust root of \(printable(root.product)), version \(root.version)\n"
    text += "Issued:     \(root.issuedAt)\n"
    text += "Expires:    \(root.expires)\(now >= root.expires ? " (it has expired)" : "")\n"
    for role in TrustRoot.Role.allCases {
      guard let authority = root.roles[role] else { continue }
      let title = "\(role.rawValue.prefix(1).uppercased() + role.rawValue.dropFirst()):"
      text += title + String(repeating: " ", count: 12 - title.count)
      text +=
        "\(authority.threshold) of \(authority.keys.count) \(authority.keys.count == 1 ? "key has" : "keys have") to sign\n"
    }
    if root.minimumSequence > 0 { text += "Withdrawn:  releases below the sequence \(root.minimumSequence)\n" }
    for digest in root.revokedReleases.sorted() { text += "Revoked:    the release \(digest)\n" }
    let rows = Set(root.keys.keys).union(root.revokedKeys).sorted().map { id in
      [
        id.text,
        TrustRoot.Role.allCases.filter { root.roles[$0]?.keys.contains(id) == true }.map(\.rawValue).joined(
          separator: ","),
        root.revokedKeys.contains(id) ? "revoked" : "valid", signers.contains(id) ? "yes" : "",
      ]
    }
    return text + TextTable.render(header: ["KEY", "ROLES", "STATUS", "SIGNED THIS"], rows: rows)
  }

  /// The payload, and who has signed it.
  var json: JSONValue {
    var value = (try? JSONValue(parsing: root.payload)) ?? .null
    value["signedBy"] = .array(signers.sorted().map { .string($0.text) })
    return value
  }
}
