import WireFormats

/// The contexts that the user saved: which server, namespace and token belong together.
struct ClientConfiguration: Codable, Hashable {
  struct Context: Codable, Hashable {
    var name: String
    var server: String?
    var namespace: String?
    /// Absolute path.
    var tokenFile: String?
    /// Only where it was given on standard input; the configuration file is then as secret as the token.
    var token: String?
    /// Absolute path of a PEM bundle.
    var certificateAuthority: String?
    /// True where the token may be sent to the server without TLS.
    var insecureHTTP: Bool?
  }

  var currentContext: String?
  var contexts: [Context]

  init(currentContext: String? = nil, contexts: [Context] = []) {
    self.currentContext = currentContext
    self.contexts = contexts
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    currentContext = try container.decodeIfPresent(String.self, forKey: .currentContext)
    contexts = try container.decodeIfPresent([Context].self, forKey: .contexts) ?? []
  }

  func context(_ name: String) throws(CommandFailure) -> Context {
    if let context = contexts.first(where: { $0.name == name }) { return context }
    let known = contexts.map(\.name).sorted().joined(separator: ", ")
    throw CommandFailure(
      "there is no context \"\(printable(name))\"",
      hint: known.isEmpty ? "wrktalkctl config set-context makes one." : "There are: \(printable(known)).")
  }

  /// Adds the context or changes the one of that name; the first one becomes current.
  mutating func set(_ context: Context) {
    if let index = contexts.firstIndex(where: { $0.name == context.name }) {
      contexts[index] = context
    } else {
      contexts.append(context)
    }
    if currentContext == nil { currentContext = context.name }
  }

  mutating func remove(_ name: String) {
    contexts.removeAll { $0.name == name }
    if currentContext == name { currentContext = nil }
  }
}
