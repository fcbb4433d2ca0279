public import Access
import HTTPService
import Mail
public import ResourceModel
import WireFormats

/// A new account: `{"email": "…", "role": "…", "name": "…", "signIn": "password" | "oidc"}`.
public struct AccountRequest: Sendable, Hashable {
  public var email: String
  public var name: String
  public var role: Role
  /// False for somebody who will come by an identity provider only.
  public var hasPassword: Bool

  public init(email: String, name: String, role: Role, hasPassword: Bool) {
    self.email = email
    self.name = name
    self.role = role
    self.hasPassword = hasPassword
  }

  /// - Throws: `StatusError`, which names the member at fault.
  init(_ body: [UInt8], _ rules: AccountRules) throws(StatusError) {
    let json = try AccountFields(body, allowed: ["email", "name", "role", "signIn"])
    guard let email = try json.text("email") else { throw StatusError(.badRequest, "email: is missing") }
    guard let role = try json.role(rules) else { throw StatusError(.badRequest, "role: is missing") }
    let way = try json.text("signIn") ?? "password"
    guard way == "password" || way == "oidc" else { throw StatusError(.invalid, "signIn: must be password or oidc") }
    self.init(
      email: try Self.checkedEmail(email), name: try json.name() ?? "", role: role, hasPassword: way == "password")
  }

  /// As it is kept.
  public static func checkedEmail(_ email: String) throws(StatusError) -> String {
    guard let address = MailAddress(email)?.address else {
      throw StatusError(.invalid, "email: must be a mail address such as ann@example.com, in ASCII")
    }
    return address
  }
}

/// What is to be another about an account; nil leaves it.
public struct AccountChange: Sendable, Hashable {
  public struct Provider: Sendable, Hashable {
    public var issuer: String
    public var subject: String

    public init(issuer: String, subject: String) {
      self.issuer = issuer
      self.subject = subject
    }
  }

  public var name: String?
  public var role: Role?
  public var state: AdminAccount.State?
  /// A link to an identity provider; `.some(nil)` removes it.
  public var provider: Provider??
  /// Whether a new password is made, and the old one ends.
  public var resetsPassword = false

  public init() {}

  /// - Throws: `StatusError`, which names the member at fault.
  init(_ body: [UInt8], _ rules: AccountRules) throws(StatusError) {
    let json = try AccountFields(body, allowed: ["name", "role", "state", "oidc", "resetPassword"])
    name = try json.name()
    role = try json.role(rules)
    if let word = try json.text("state") {
      guard let state = AdminAccount.State(rawValue: word) else {
        throw StatusError(.invalid, "state: must be active or disabled")
      }
      self.state = state
    }
    switch json.members["oidc"] {
    case nil: break
    case .null?: provider = .some(nil)
    case let link?:
      guard let issuer = link["issuer"]?.string, let subject = link["subject"]?.string,
        (1...512).contains(issuer.utf8.count), (1...255).contains(subject.utf8.count), !issuer.utf8.contains(0),
        !subject.utf8.contains(0)
      else { throw StatusError(.invalid, "oidc: must be {\"issuer\": \"…\", \"subject\": \"…\"} or null") }
      provider = .some(Provider(issuer: issuer, subject: subject))
    }
    if let flag = json.members["resetPassword"] {
      guard let flag = flag.bool else { throw StatusError(.badRequest, "resetPassword: must be true or false") }
      resetsPassword = flag
    }
  }
}

/// The members of a body about an account.
struct AccountFields {
  static let maximumBodyByteCount = 8 << 10
  static let maximumNameByteCount = 200

  let members: [String: JSONValue]

  init(_ body: [UInt8], allowed: Set<String>) throws(StatusError) {
    guard let members = try JSONBody.parse(body).object else {
      throw StatusError(.badRequest, "the body must be a JSON object")
    }
    if let unknown = Set(members.keys).subtracting(allowed).min() {
      throw StatusError(
        .badRequest,
        "\(unknown.prefix(60)): there is no such member; there are \(allowed.sorted().joined(separator: ", "))")
    }
    self.members = members
  }

  func text(_ name: String) throws(StatusError) -> String? {
    guard let value = members[name] else { return nil }
    guard let text = value.string else { throw StatusError(.badRequest, "\(name): must be text") }
    return text
  }

  func name() throws(StatusError) -> String? {
    guard let name = try text("name") else { return nil }
    guard name.utf8.count <= Self.maximumNameByteCount,
      name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
    else {
      throw StatusError(
        .invalid, "name: must be at most \(Self.maximumNameByteCount) bytes, without control characters")
    }
    return name
  }

  func role(_ rules: AccountRules) throws(StatusError) -> Role? {
    guard let word = try text("role") else { return nil }
    guard let role = rules.role(word) else {
      throw StatusError(.invalid, "role: must be one of \(rules.roleNames)")
    }
    return role
  }
}
