/// Why a bundle, or the settings for it, cannot be deployed: that stays so, however often it is tried.
package struct BundleFault: Error, Hashable, CustomStringConvertible {
  /// CamelCase, for the condition: `InvalidBundle`, `BuildNotSigned`.
  package var reason: String
  /// What is wrong, where, and what to do; never holds a secret.
  package var message: String

  init(_ reason: String, _ message: String) {
    self.reason = reason
    self.message = message
  }

  package var description: String { "\(reason): \(message)" }
}
