import WireFormats
import YAMLDocuments

/// Where a bundle lets the customer's settings decide what a service executes, or what of the host it gets: whoever can write
/// those settings decides that, and no signature says otherwise.
enum CustomersCommands {
  private static let fields = [
    "cap_add", "command", "devices", "entrypoint", "env_file", "extends", "ipc", "network_mode", "pid", "privileged",
    "security_opt", "user", "volumes",
  ]

  /// - Returns: `services.backend.command takes ${FLAGS} …`, a sentence for each place.
  static func notes(in document: JSONValue, file: String) -> [String] {
    var notes: [String] = []
    for (name, service) in (document["services"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
      var places = fields.map { ($0, service[$0]) }
      places.append(("healthcheck.test", service["healthcheck"]?["test"]))
      for (field, value) in places {
        let variables = Set(value.map { self.variables(in: $0) } ?? []).sorted()
        guard !variables.isEmpty else { continue }
        notes.append(
          "services.\(printable(name)).\(field) of \(printable(file)) takes \(variables.joined(separator: ", ")) of the "
            + "customer's settings: whoever can write those decides it. Write it out where no customer needs another")
      }
    }
    return notes
  }

  /// The names of the variables in all texts of a value.
  static func variables(in value: JSONValue) -> [String] {
    switch value {
    case .string(let text):
      // `$$` is a dollar sign.
      return text.matches(of: /\$\$|\$\{?([A-Za-z_][A-Za-z0-9_]*)/).compactMap { $0.1.map(String.init) }
    case .array(let elements): return elements.flatMap { variables(in: $0) }
    case .object(let members): return members.values.flatMap { variables(in: $0) }
    case .null, .bool, .integer, .number: return []
    }
  }
}
