import Cryptography
import WireFormats

/// A cookie that a browser keeps once somebody has signed in with it: who guesses passwords elsewhere does not slow this browser down
/// (OWASP: Slow Down Online Guessing Attacks with Device Cookies). It lets nobody in.
struct KnownDevice: Sendable, Hashable {
  static let lifetime = Duration.seconds(90 * 86_400)
  private static let context = Array("sign-in device".utf8)

  var accountID: String
  /// What its wrong passwords are counted by.
  var id: String

  init(accountID: String, id: String) {
    self.accountID = accountID
    self.id = id
  }

  /// Nil where it was not this server that gave the cookie, or too long ago.
  init?(_ value: String?, box: AES256GCM, now: Timestamp) {
    guard let value, value.utf8.count <= 512, let sealed = Base64.decode(value, alphabet: .urlSafe),
      let json = box.open(sealed, context: Self.context).flatMap({ try? JSONValue(parsing: $0) }),
      let accountID = json["account"]?.string, let id = json["device"]?.string, let since = json["since"]?.integer,
      now < Timestamp(microseconds: since) + Self.lifetime
    else { return nil }
    self.init(accountID: accountID, id: id)
  }

  func value(box: AES256GCM, now: Timestamp) -> String {
    let json: JSONValue = [
      "account": .string(accountID), "device": .string(id), "since": .integer(now.microseconds),
    ]
    return Base64.encode(box.seal(json.serialized(), context: Self.context), alphabet: .urlSafe)
  }
}
