import ComposeBundles

/// What Compose says of a bundle that it takes nevertheless, in words for people.
enum ComposeWarnings {
  /// The names of variables that stand in the bundle or in the settings, and have no value.
  static func unsetVariables(in output: String) -> [String] {
    var seen: Set<String> = []
    return TerminalText.plain(output).matches(
      of: /The \\?"?([A-Za-z_][A-Za-z0-9_]*)\\?"? variable is not set\. Defaulting to a blank string/
    ).map { String($0.1) }.filter { seen.insert($0).inserted }
  }

  /// - Parameter output: standard error of `config`.
  static func texts(in output: String, settings: EnvironmentFile, mask: SecretMask) -> [String] {
    var texts: [String] = []
    var unset: [String] = []
    for variable in unsetVariables(in: output) {
      let users = settings.namesOfValues(using: variable)
      // What looks like a variable may be a part of a password.
      if users.isEmpty {
        unset.append(variable)
      } else {
        for name in users {
          texts.append(
            "The value of \(name) in the settings holds a $ that Compose takes for the beginning of a variable; put the "
              + "value in single quotes, or write $$")
        }
      }
    }
    if !unset.isEmpty {
      texts.append(
        "\(unset.joined(separator: ", ")) \(unset.count == 1 ? "is" : "are") set nowhere and counts as blank")
    }
    for match in TerminalText.plain(output).matches(of: /(?m)level=warning msg="((?:[^"\\]|\\.)*)"/) {
      let text = match.1.replacing("\\\"", with: "\"")
      // A file format that says its version is old, but good.
      if text.contains("variable is not set") || text.contains("is obsolete") { continue }
      texts.append(mask.masked(String(text)))
    }
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
  }
}
