public import ProgramConfiguration

/// How people's browsers address a server, where a proxy changes the name: `…EXTERNAL_URL`.
public enum ExternalURL {
  /// - Returns: scheme, host and port alone, in lower case; nil where it is not set.
  public static func origin(_ variables: EnvironmentVariables) throws(ConfigurationError) -> String? {
    guard variables["EXTERNAL_URL"] != nil else { return nil }
    var text = try variables.url("EXTERNAL_URL", default: "").lowercased()
    while text.hasSuffix("/") { text.removeLast() }
    guard text.split(separator: "/", omittingEmptySubsequences: false).count == 3, !text.contains("?"),
      !text.contains("#")
    else { throw variables.wrong("EXTERNAL_URL", "must be scheme, host and perhaps a port, without a path") }
    return text
  }
}
