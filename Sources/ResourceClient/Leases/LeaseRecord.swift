import ResourceModel
import WireFormats

/// The part of a `coordination.k8s.io/v1` Lease that leader election is about.
struct LeaseRecord: Sendable, Hashable {
  /// Empty where nobody holds the lease.
  var holder: String
  var duration: Duration
  var acquiredAt: Timestamp?
  var renewedAt: Timestamp?
  /// How often the lease went from one holder to another.
  var transitions: Int64

  static let names = ResourceNames(
    group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases", singular: "lease")

  init(holder: String, duration: Duration, acquiredAt: Timestamp?, renewedAt: Timestamp?, transitions: Int64) {
    self.holder = holder
    self.duration = duration
    self.acquiredAt = acquiredAt
    self.renewedAt = renewedAt
    self.transitions = transitions
  }

  /// A field that is missing or malformed counts as absent, so that a damaged lease can be taken once it was watched
  /// for its duration.
  init(lease: JSONValue) {
    let spec = lease["spec"]
    self.init(
      holder: spec?["holderIdentity"]?.string ?? "",
      duration: .seconds(min(max(spec?["leaseDurationSeconds"]?.integer ?? 0, 0), 3600)),
      acquiredAt: spec?["acquireTime"]?.string.flatMap { Timestamp($0) },
      renewedAt: spec?["renewTime"]?.string.flatMap { Timestamp($0) },
      transitions: min(max(spec?["leaseTransitions"]?.integer ?? 0, 0), Int64(Int32.max)))
  }

  /// `lease` with this record in it; everything else of it stays.
  func written(into lease: JSONValue) -> JSONValue {
    var spec = lease["spec"] ?? .object([:])
    spec["holderIdentity"] = .string(holder)
    spec["leaseDurationSeconds"] = .integer(max(1, duration.components.seconds))
    spec["acquireTime"] = acquiredAt.map { .string(Self.microTime($0)) }
    spec["renewTime"] = renewedAt.map { .string(Self.microTime($0)) }
    spec["leaseTransitions"] = .integer(transitions)
    var lease = lease
    lease["spec"] = spec
    return lease
  }

  /// Kubernetes' MicroTime, which always has six digits of fraction.
  static func microTime(_ moment: Timestamp) -> String {
    let text = moment.description
    return text.contains(".") ? text : text.dropLast() + ".000000Z"
  }
}
