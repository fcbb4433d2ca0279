import ResourceClient
import WireFormats

/// What goes with a customer that is deleted, counted before it goes. What may not be read is not counted.
struct OrganizationBelongings: Hashable {
  var keys: Int?
  var licenses: Int?
  var deployments: Int?

  init(keys: Int? = nil, licenses: Int? = nil, deployments: Int? = nil) {
    self.keys = keys
    self.licenses = licenses
    self.deployments = deployments
  }

  init(of name: String, _ session: Session) async {
    let client = session.client
    func count(_ path: String, _ field: String) async -> Int? {
      try? await client.get(path: path)[field]?.array?.count
    }
    keys = await count(InternalPath.keys(name), "keys")
    licenses = await count(InternalPath.licenses(name), "licenses")
    deployments = await count(InternalPath.history(name), "history")
  }

  /// - Parameter wouldGo: nothing is deleted yet.
  func text(wouldGo: Bool) -> String? {
    let parts = [
      Self.words(keys, "key", "keys"), Self.words(licenses, "licence", "licences"),
      Self.words(deployments, "deployment in its history", "deployments in its history"),
    ].compactMap { $0 }
    guard let last = parts.last else { return nil }
    let list = parts.count == 1 ? last : parts.dropLast().joined(separator: ", ") + " and " + last
    return "With it \(wouldGo ? "would go" : "went") \(list)."
  }

  private static func words(_ count: Int?, _ one: String, _ many: String) -> String? {
    guard let count, count > 0 else { return nil }
    return "\(count) \(count == 1 ? one : many)"
  }
}
