import ProgramConfiguration

/// What the Agent's administrator allows.
extension EnvironmentVariables {
  /// Names separated by commas; `*` stands for any characters.
  func allowedDeployments() throws(ConfigurationError) -> AllowedDeployments {
    let targets = try names("PROJECTS") { name in
      name.utf8.allSatisfy { Self.isNameByte($0) } ? nil : "is no name of a Compose project or Helm release"
    }
    let sources = try names("VALUES_SOURCES") { name in
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      let isRight =
        name == "*"
        || parts.count == 2 && ["Secret", "ConfigMap", "*"].contains(parts[0]) && !parts[1].isEmpty
          && parts[1].utf8.allSatisfy { Self.isNameByte($0) }
      return isRight ? nil : "must be written as Secret/NAME or ConfigMap/NAME"
    }
    return AllowedDeployments(targets: .init(targets), valuesSources: .init(sources))
  }

  private func names(
    _ variable: String, problem: (String) -> String?
  ) throws(ConfigurationError) -> [String] {
    guard let text = self[variable] else { return [] }
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map {
      Self.trimmed(String($0)) ?? ""
    }
    for name in names {
      // A list that holds nothing would allow everything.
      if name.isEmpty { throw wrong(variable, "holds an empty name; leave the variable out to allow every name") }
      if let problem = problem(name) { throw wrong(variable, "\"\(name)\" \(problem)") }
    }
    return names
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "*"):
      true
    default: false
    }
  }
}
