@_spi(_Unicode) import Swift

/// What a password must be, and which bytes it stands for.
enum PasswordRules {
  static let minimumCharacterCount = 12
  static let maximumByteCount = 1024

  /// Why a new password is refused; nil where it is good. Length is what counts; there are no rules of which characters it has
  /// (NIST SP 800-63B §3.1.1).
  static func problem(_ password: String, email: String) -> String? {
    if password.count < minimumCharacterCount { return "must have at least \(minimumCharacterCount) characters" }
    if password.utf8.count > maximumByteCount { return "must have at most \(maximumByteCount) bytes" }
    if password.utf8.contains(0) { return "must not contain NUL" }
    let folded = password.lowercased()
    let local = email.lowercased().prefix { $0 != "@" }
    if folded == email.lowercased() || folded.hasPrefix(local) && folded.count < local.count + 8 {
      return "must not be the email address, nor begin with it and little more"
    }
    if Set(folded).count < 5 { return "must have at least 5 different characters" }
    return nil
  }

  /// What is hashed: UTF-8 of the password's canonical composition (Unicode NFC), so that a letter with an accent is the same by every
  /// keyboard. Nothing is trimmed, cut or folded.
  static func bytes(_ password: String) -> [UInt8] {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: password._nfc)
    return Array(String(text).utf8)
  }
}
