import Cryptography
import Database
import ProgramConfiguration
import WireFormats

/// What `deployment_config` says of the vendor's server and the bucket (spec §13), for programs that read it there. The environment is
/// what counts here; secrets are sealed, each for its column.
struct DeploymentConfigRow: Sendable {
  private static let prefix = "v1:"

  var endpoint: String
  var apiKey: String
  var webhookSecret: String
  /// The specification's words: s3, azure, gcs, minio; and file.
  var bucketProvider: String
  var bucketName: String
  var bucketRegion: String?
  var bucketEndpoint: String?
  /// `WRKTALK_POLL_INTERVAL`, in seconds: how often the vendor is asked for releases where it says nothing itself. Nil: what the row says.
  var pollInterval: Int64?

  /// - Throws: `ConfigurationError`.
  init(_ variables: EnvironmentVariables, vendor: VendorConnection?) throws(ConfigurationError) {
    endpoint = vendor?.endpoint ?? ""
    apiKey = vendor?.apiKey ?? ""
    webhookSecret = vendor?.webhookSecret ?? ""
    bucketName = variables["BUCKET_NAME"] ?? ""
    bucketProvider = bucketName.isEmpty ? "file" : (variables["BUCKET_PROVIDER"] ?? "s3").lowercased()
    bucketRegion = variables["BUCKET_REGION"]
    bucketEndpoint = variables["BUCKET_ENDPOINT"]
    if variables["POLL_INTERVAL"] != nil {
      pollInterval = try variables.duration(
        "POLL_INTERVAL", default: .seconds(300), in: .seconds(30)...(.seconds(86_400))
      ).components.seconds
    }
  }

  /// Writes what is another than before: a start that changes nothing writes nothing.
  func write(to database: any Database, box: AES256GCM, now: Timestamp) async throws {
    try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      guard
        let row = try connection.query(
          """
          SELECT c."gccApiKey", c."webhookSecret", c."gccEndpoint", c."bucketProvider", c."bucketName", c."bucketRegion",
            c."bucketEndpoint", c."pollIntervalSec"
          FROM deployment_config AS c WHERE c.id = 1
          """ + dialect.forUpdate(of: "c")
        ).first
      else { return }
      let plain: [SQLValue] = [
        .text(endpoint), .text(bucketProvider), .text(bucketName), SQLValue(bucketRegion), SQLValue(bucketEndpoint),
      ]
      let isSame =
        Array(row.values[2..<7]) == plain && (pollInterval ?? row[7].integer) == row[7].integer
        && Self.open(row[0].text, "gccApiKey", box) == apiKey
        && Self.open(row[1].text, "webhookSecret", box) == webhookSecret
      if isSame { return }
      try connection.execute(
        """
        UPDATE deployment_config SET "gccEndpoint" = $1, "bucketProvider" = $2, "bucketName" = $3, "bucketRegion" = $4,
          "bucketEndpoint" = $5, "gccApiKey" = $6, "webhookSecret" = $7, "updatedAt" = \(dialect.time("$8")),
          "pollIntervalSec" = coalesce($9, "pollIntervalSec")
        WHERE id = 1
        """,
        plain + [
          .text(Self.seal(apiKey, "gccApiKey", box)), .text(Self.seal(webhookSecret, "webhookSecret", box)), now.column,
          SQLValue(pollInterval),
        ])
    }
  }

  private static func seal(_ secret: String, _ column: String, _ box: AES256GCM) -> String {
    secret.isEmpty ? "" : prefix + Base64.encode(box.seal(Array(secret.utf8), context: context(column)))
  }

  /// Nil where it is not what this server sealed.
  private static func open(_ text: String?, _ column: String, _ box: AES256GCM) -> String? {
    guard let text, !text.isEmpty else { return "" }
    guard text.hasPrefix(prefix) else { return nil }
    return Base64.decode(String(text.dropFirst(prefix.count))).flatMap { box.open($0, context: context(column)) }
      .map { String(decoding: $0, as: UTF8.self) }
  }

  private static func context(_ column: String) -> [UInt8] { Array("deployment_config.\(column)".utf8) }
}
