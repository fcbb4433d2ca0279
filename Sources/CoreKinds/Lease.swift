public import ResourceModel
public import WireFormats

/// A `coordination.k8s.io/v1` Lease: who of several may work.
public typealias Lease = Resource<LeaseKind>

public enum LeaseKind: ResourceKind {
  public struct Spec: Sendable, Hashable, Codable {
    /// Who holds the lease; empty or absent where nobody does.
    public var holderIdentity: String?
    /// How long it is held after `renewTime` at most, in seconds, greater than 0.
    public var leaseDurationSeconds: Int?
    public var acquireTime: MicroTime?
    public var renewTime: MicroTime?
    /// How often the holder changed.
    public var leaseTransitions: Int?

    public init(
      holderIdentity: String? = nil, leaseDurationSeconds: Int? = nil, acquireTime: MicroTime? = nil,
      renewTime: MicroTime? = nil, leaseTransitions: Int? = nil
    ) {
      self.holderIdentity = holderIdentity
      self.leaseDurationSeconds = leaseDurationSeconds
      self.acquireTime = acquireTime
      self.renewTime = renewTime
      self.leaseTransitions = leaseTransitions
    }
  }

  /// A lease has no status.
  public struct Status: Sendable, Hashable, Codable {
    public init() {}
  }

  public static let names = ResourceNames(
    group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases", singular: "lease")

  public static let definition = ResourceDefinition(
    names: names, table: "lease", schema: schema, hasStatus: false, isCreatedByUpdate: true, tracksManagers: false,
    printerColumns: [
      PrinterColumn(
        name: "Holder", type: .string, jsonPath: ".spec.holderIdentity", description: "Who holds the lease."),
      PrinterColumn(
        name: "Age", type: .date, jsonPath: ".metadata.creationTimestamp",
        description: "How long the object has existed."),
    ], limits: ResourceLimits(objectBytes: 16 << 10, perNamespace: 100, total: 1_000))

  private static let schema = Schema.object(
    properties: [
      "spec": .object(
        properties: [
          "holderIdentity": .string(Schema.Documentation("Who holds the lease.")),
          "leaseDurationSeconds": .integer(
            range: 1...Int64(Int32.max),
            Schema.Documentation("How long it is held after renewTime at most, in seconds.")),
          "acquireTime": .microTime("When the holder got it."),
          "renewTime": .microTime("When the holder last said that it lives."),
          "leaseTransitions": .integer(
            range: 0...Int64(Int32.max), Schema.Documentation("How often the holder changed.")),
          "strategy": .string(Schema.Documentation("How a new holder is chosen; kept for other clients.")),
          "preferredHolder": .string(Schema.Documentation("Who should hold it; kept for other clients.")),
        ], Schema.Documentation("Who holds the lease, and until when.", default: .object([:])))
    ], required: ["spec"], Schema.Documentation("Says who of several may work."))
}

/// A moment as `metav1.MicroTime` is written: always with six digits of fraction, without which a Kubernetes API server
/// refuses it.
public struct MicroTime: Sendable, Hashable, Comparable, Codable {
  public var timestamp: Timestamp

  public init(_ timestamp: Timestamp) { self.timestamp = timestamp }

  public static func < (left: MicroTime, right: MicroTime) -> Bool { left.timestamp < right.timestamp }

  public init(from decoder: any Decoder) throws { timestamp = try Timestamp(from: decoder) }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(timestamp.microsecondText)
  }
}
