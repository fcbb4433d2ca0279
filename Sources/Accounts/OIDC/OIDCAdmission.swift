import Access
import Mail
import WireFormats

/// Whom an identity provider's word lets in, and as what.
enum OIDCAdmission: Sendable, Hashable {
  /// An account that is linked to the person.
  case enter(AdminAccount, role: Role)
  /// One that an admin has made for the address, and that nobody has used yet.
  case link(AdminAccount, role: Role)
  case create(email: String, name: String, role: Role)
  /// With what to say to the person, whom the provider knows.
  case refuse(String)

  /// - Parameters:
  ///   - linked: the account of that issuer and subject.
  ///   - sameAddress: the account of that address.
  static func decide(
    _ token: IDToken, linked: AdminAccount?, sameAddress: AdminAccount?, _ configuration: OIDCConfiguration
  ) -> OIDCAdmission {
    guard token.isEmailVerified, let address = token.email.flatMap({ MailAddress($0)?.address }) else {
      return .refuse("the identity provider does not confirm your mail address")
    }
    let mapped = role(token, configuration)
    if mapped == nil, !configuration.roleMap.isEmpty {
      return .refuse("none of your groups at the identity provider has access here")
    }
    if let linked {
      guard linked.state == .active else { return .refuse("your account is disabled") }
      return .enter(linked, role: mapped ?? linked.role)
    }
    if let sameAddress {
      // The address alone is no proof: whoever has it at the provider need not be whose password this is.
      guard sameAddress.password == nil, sameAddress.oidcSubject == nil, sameAddress.state == .active else {
        return .refuse("there is another account with your mail address: ask an admin to link it to you")
      }
      return .link(sameAddress, role: mapped ?? sameAddress.role)
    }
    guard let mapped else { return .refuse("you have no account here: ask an admin for one") }
    let name = String(
      token.name.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(50).map(Character.init))
    return .create(email: address, name: name, role: mapped)
  }

  /// The most that any value of the claim gives; nil where none gives anything.
  static func role(_ token: IDToken, _ configuration: OIDCConfiguration) -> Role? {
    let claim = token.claims[configuration.roleClaim]
    let values = claim?.array?.compactMap(\.string) ?? [claim?.string].compactMap { $0 }
    let roles = Set(values.compactMap { configuration.roleMap[$0] })
    return configuration.roles.first { roles.contains($0) }
  }
}
