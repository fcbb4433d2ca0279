import Cryptography
import Database
import ResourceModel

/// The secrets that webhooks are signed with. In the database they are sealed, each for its organization.
struct WebhookSecrets: Sendable {
  private static let prefix = "v1:"

  let database: any Database
  let box: AES256GCM

  func seal(_ secret: String, for organization: String) -> String {
    Self.prefix + Base64.encode(box.seal(Array(secret.utf8), context: Array(organization.utf8)), alphabet: .standard)
  }

  /// Nil where it was sealed with another key or for another organization. A secret that another program wrote as it is
  /// counts as it is.
  func open(_ sealed: String, of organization: String) -> String? {
    guard sealed.hasPrefix(Self.prefix) else { return sealed.isEmpty ? nil : sealed }
    return Base64.decode(String(sealed.dropFirst(Self.prefix.count)), alphabet: .standard)
      .flatMap { box.open($0, context: Array(organization.utf8)) }
      .flatMap { String(validating: $0, as: UTF8.self) }
  }

  /// Replaces the secret.
  /// - Parameter secret: nil for a new random one.
  /// - Returns: the secret.
  /// - Throws: `notFound` without such an organization; `invalid` for a secret that is too short to be one.
  func set(_ secret: String?, for organization: String) async throws -> String {
    if let secret, !(16...256).contains(secret.utf8.count) {
      throw StatusError(.invalid, "secret: must have 16 to 256 characters")
    }
    let secret = secret ?? SecureRandom.token()
    let sealed = seal(secret, for: organization)
    try await database.transaction(.write) { connection in
      let changed = try connection.execute(
        "UPDATE organizational_service SET \"webhookSecret\" = $2 WHERE name = $1",
        [.text(organization), .text(sealed)])
      if changed == 0 { throw StatusError.noOrganization(organization) }
    }
    return secret
  }
}
