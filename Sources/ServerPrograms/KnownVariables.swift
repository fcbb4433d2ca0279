public import Logging
import ResourceModel

/// The variables of the environment that a server reads, so that one that is misspelt does not go without a word. Platforms set variables of their
/// own that begin alike (Kubernetes one for each Service), so that only what is nearly a known name counts as misspelt.
public struct KnownVariables: Sendable {
  private let names: Set<String>

  /// What every server reads, and the command line beside it.
  private static let common: Set<String> = [
    "DATABASE_URL", "WRKTALK_DATABASE_URL", "WRKTALK_LOG_LEVEL", "WRKTALK_LOG_FORMAT", "WRKTALK_TLS_CERT_FILE",
    "WRKTALK_TLS_KEY_FILE", "WRKTALK_SERVER", "WRKTALK_TOKEN", "WRKTALK_TOKEN_FILE", "WRKTALK_INSECURE_HTTP",
    "SMTP_HOST", "SMTP_PORT", "SMTP_SECURITY", "SMTP_USER", "SMTP_PASSWORD", "SMTP_PASSWORD_FILE", "SMTP_FROM",
  ]

  /// - Parameters:
  ///   - prefix: such as `GCC_`.
  ///   - names: what is read of variables with it, without it.
  ///   - others: read beside them, whole.
  public init(prefix: String, _ names: Set<String>, others: Set<String> = []) {
    self.names = Self.common.union(others).union(names.map { prefix + $0 })
  }

  /// Variables that are set and are nearly one that is read, each with the one that was most likely meant, in their order.
  public func misspelt(in environment: [String: String]) -> [(name: String, meant: String)] {
    let families = Set(names.map { $0.prefix { $0 != "_" } })
    let sorted = names.sorted()
    return environment.keys.filter { !names.contains($0) && families.contains($0.prefix { $0 != "_" }) }.sorted()
      .compactMap { name in Suggestion.nearest(to: name, among: sorted).map { (name, $0) } }
  }

  public func contains(_ name: String) -> Bool { names.contains(name) }

  /// Says which are misspelt.
  public func warn(of environment: [String: String], _ logger: Logger) {
    for (name, meant) in misspelt(in: environment) {
      logger.warning("Variable is not known; is it misspelt?", metadata: ["variable": "\(name)", "meant": "\(meant)"])
    }
  }
}
