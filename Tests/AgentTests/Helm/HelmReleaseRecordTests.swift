import Archives
import Cryptography
import DeploymentPlanning
import Testing
import WireFormats

@testable import Agent

struct HelmReleaseRecordTests {
  static let json: JSONValue = [
    "name": "wrktalk", "version": 7, "namespace": "prod", "manifest": "---\nkind: A\n",
    "info": ["status": "pending-upgrade", "description": "Preparing upgrade", "notes": "n"],
    "chart": ["metadata": ["name": "wrktalk", "version": "2.3.0"]],
    "hooks": [["name": "migrate", "kind": "Job", "events": ["pre-upgrade"]]],
  ]

  static func secret(_ json: JSONValue) throws -> JSONValue {
    let packed = Base64.encode(try Gzip.compress(json.serialized()))
    return [
      "metadata": [
        "name": "sh.helm.release.v1.wrktalk.v7", "namespace": "prod", "resourceVersion": "9",
        "labels": [
          "owner": "helm", "name": "wrktalk", "version": "7", "status": "pending-upgrade", "createdAt": "100",
          "modifiedAt": "200", "deploy.wrktalk.com/operation": "ab",
        ],
      ],
      "type": "helm.sh/release.v1", "data": ["release": .string(Base64.encode(Array(packed.utf8)))],
    ]
  }

  @Test func aRevisionIsReadOutOfItsSecret() throws {
    let record = try HelmReleaseRecord(secret: try Self.secret(Self.json))
    #expect(
      record.revision
        == HelmObservation.Revision(
          number: 7, status: .pendingUpgrade, version: "2.3.0",
          manifestSha256: "0729457cedc53e37b4249dd964a724f6bb48d50b3a7c2be94ee7a866386783ca"))
    #expect(record.description == "Preparing upgrade")
    #expect(record.hooks == [.init(kind: "Job", name: "migrate", events: ["pre-upgrade"])])
  }

  @Test func markingItFailedChangesNothingElse() throws {
    let secret = try Self.secret(Self.json)
    let changed = try HelmReleaseRecord(secret: secret).marked(.failed, "cut short", in: secret)
    #expect(changed["metadata"]?["labels"]?["status"] == "failed")
    let record = try HelmReleaseRecord(secret: changed)
    #expect(record.revision.status == .failed)
    #expect(record.description == "cut short")
    #expect(record.manifest == "---\nkind: A\n")
    var same = changed
    same["data"] = secret["data"]
    same["metadata"]?["labels"]?["status"] = "pending-upgrade"
    #expect(same == secret)
  }

  @Test func labelsTellOfARevisionWithoutReadingIt() throws {
    let label = try #require(RevisionLabel(try Self.secret(Self.json)))
    #expect(label.number == 7 && label.status == .pendingUpgrade && label.writtenAt == 200 && label.operation == "ab")
    #expect(RevisionLabel(["metadata": ["name": "other", "labels": ["owner": "me"]]]) == nil)
    // What only calls itself a release is none.
    for (field, value) in [("version", "9223372036854775807"), ("version", "0"), ("version", "8"), ("name", "other")] {
      var forged = try Self.secret(Self.json)
      forged["metadata"]?["labels"]?[field] = .string(value)
      #expect(RevisionLabel(forged) == nil, "\(field) \(value)")
    }
  }

  @Test(
    arguments: [
      [:], ["data": ["release": "!"]], ["data": ["release": "YWJj"]],
      ["data": ["release": .string(Base64.encode(Array(Base64.encode([0x1F, 0x8B, 8]).utf8)))]],
      ["data": ["release": .string(Base64.encode(Array(Base64.encode(Array("{}".utf8)).utf8)))]],
    ] as [JSONValue])
  func whatIsNoReleaseIsAnError(_ secret: JSONValue) {
    #expect(throws: HelmRecordError.self) { try HelmReleaseRecord(secret: secret) }
  }
}
