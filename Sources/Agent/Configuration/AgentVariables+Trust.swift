import ProgramConfiguration

/// The variables that say whom the Agent believes, and where it keeps what it remembers.
extension EnvironmentVariables {
  func trust(readFile: (String) -> String?) throws(ConfigurationError) -> TrustSetting {
    let given = ["TRUST_ROOT", "TRUST_ROOT_FILE", "ALLOW_UNSIGNED"].filter { name in
      name == "ALLOW_UNSIGNED"
        ? self[name].map { !["0", "false", "no"].contains($0.lowercased()) } ?? false : self[name] != nil
    }
    guard given.count <= 1 else {
      throw wrong(
        given[0],
        "is set together with \(prefix)\(given[1]): set only one of them, the trust root or the permission "
          + "to deploy what nobody signed")
    }
    switch given.first {
    case "TRUST_ROOT": return .root(text: self["TRUST_ROOT"] ?? "", variable: "\(prefix)TRUST_ROOT")
    case "TRUST_ROOT_FILE":
      let path = self["TRUST_ROOT_FILE"] ?? ""
      guard let text = Self.trimmed(readFile(path)) else {
        throw wrong("TRUST_ROOT_FILE", "the file \(path) cannot be read or is empty")
      }
      return .root(text: text, variable: "\(prefix)TRUST_ROOT_FILE")
    case "ALLOW_UNSIGNED":
      guard ["1", "true", "yes"].contains((self["ALLOW_UNSIGNED"] ?? "").lowercased()) else {
        throw wrong("ALLOW_UNSIGNED", "must be 1 to deploy what nobody signed, or not be set")
      }
      return .unsigned
    default: return .kept
    }
  }

  func stateSecret() throws(ConfigurationError) -> String? {
    guard let name = self["STATE_SECRET"] else { return nil }
    let isName = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard isName, name.utf8.count <= 253 else {
      throw wrong("STATE_SECRET", "must be the name of a Secret of the Agent's namespace")
    }
    return name
  }
}
