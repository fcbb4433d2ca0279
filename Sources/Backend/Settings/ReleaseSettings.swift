import Database
import DeploymentKinds
import FleetProtocol
import ResourceModel
import ResourceStorage
import WireFormats

/// The settings that releases bring here, by the vendor's offers and the DesiredDeployment.
struct ReleaseSettings: Sendable {
  let store: SQLResourceStore
  /// Of the DesiredDeployment.
  let recordKey: ObjectKey

  /// Of the offers that name the key.
  private static let maximumOffers = 50

  /// - Parameter key: the name of an environment variable.
  func bring(key: String, value: String, in connection: any SQLConnection) throws -> Bool {
    let record = try store.get(DesiredDeploymentKind.definition, recordKey, in: connection)
      .flatMap { try? $0.value().decoded(as: DesiredDeployment.self) }
    if record?.spec.newNonEssentialEnvs?.contains(.init(key: key, value: value)) == true { return true }
    // In a pattern an underscore stands for any character, so that this finds more, and never less.
    let rows = try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(connection.dialect)) FROM scheduled_deployment AS d
      WHERE CAST(d."releaseData" AS text) LIKE $1 ORDER BY d."receivedAt" DESC LIMIT \(Self.maximumOffers)
      """, [.text("%\"\(key)\"%")])
    return rows.map(ScheduledDeployment.init).contains { deployment in
      deployment.offer?.newNonEssentialEnvs.contains { $0.key == key && $0.value == value } == true
    }
  }
}
