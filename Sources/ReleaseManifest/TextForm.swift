import Cryptography

/// A form of text that programs rely on: what holds it may become a part of a command, a variable's name or an image
/// reference, and nothing else may hide in it.
struct TextForm: Sendable {
  /// As in "must be …".
  var meaning: String
  var accepts: @Sendable (String) -> Bool

  static let sha256 = TextForm(meaning: "64 lower-case hexadecimal digits") { Hexadecimal.isDigest($0) }

  static let imageDigest = TextForm(meaning: "sha256: and 64 lower-case hexadecimal digits") { ImageDigest.isValid($0) }

  /// Of a Compose service or of a pod's container.
  static let service = TextForm(
    meaning: "the name of a service: letters, digits, '.', '_' and '-', starting with a letter or digit"
  ) { text in
    text.utf8.count <= 63 && startsWithLetterOrDigit(text) && text.utf8.allSatisfy { isWord($0) || $0 == dot }
  }

  static let tag = TextForm(
    meaning: "an image tag: at most 128 letters, digits, '_', '.' and '-', starting with none of '.' and '-'"
  ) { text in
    (1...128).contains(text.utf8.count) && text.utf8.first != dot && text.utf8.first != dash
      && text.utf8.allSatisfy { isWord($0) || $0 == dot }
  }

  /// Without tag and digest; a port only after the registry.
  static let repository = TextForm(
    meaning: "a repository such as registry.example.com/wrktalk/backend, without a tag or digest"
  ) { text in
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return parts.enumerated().allSatisfy { index, part in
      let isRegistry = index == 0 && parts.count > 1
      return part.first.map { isLetterOrDigit($0) || isRegistry && $0 == UInt8(ascii: "[") } == true
        && part.allSatisfy {
          isWord($0) || $0 == dot
            || isRegistry && [UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]")].contains($0)
        }
    }
  }

  /// A chart's value: names between dots.
  static let chartValue = TextForm(meaning: "the path of a chart's value, such as backend.image.digest") { text in
    text.utf8.split(separator: dot, omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0.allSatisfy(isWord)
    }
  }

  static let environmentVariable = TextForm(
    meaning: "the name of an environment variable: letters, digits and '_', not starting with a digit"
  ) { text in
    text.utf8.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } == true
      && text.utf8.allSatisfy { isWord($0) && $0 != dash }
  }

  private static let dot = UInt8(ascii: ".")
  private static let dash = UInt8(ascii: "-")

  private static func startsWithLetterOrDigit(_ text: String) -> Bool { text.utf8.first.map(isLetterOrDigit) == true }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    isLetterOrDigit(byte) || byte == UInt8(ascii: "_") || byte == dash
  }
}

/// `sha256:` and 64 lower-case hexadecimal digits, as registries name images.
public enum ImageDigest {
  public static let prefix = "sha256:"

  public static func isValid(_ text: String) -> Bool {
    text.hasPrefix(prefix) && Hexadecimal.isDigest(String(text.dropFirst(prefix.count)))
  }
}

extension Hexadecimal {
  /// One digest has one text here: texts are compared, and upper case would be another one.
  static func isDigest(_ text: String) -> Bool {
    text.utf8.count == 2 * SHA256Digest.byteCount
      && text.utf8.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }
}
