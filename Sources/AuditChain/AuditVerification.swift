import Cryptography

/// Where a chain of audit entries breaks.
public enum AuditFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// Its digest is not that of what it says.
  case changed(sequence: Int64)
  case missing(from: Int64, to: Int64)
  /// Two entries of that number: one was inserted, or the chain was forked.
  case repeated(sequence: Int64)
  case outOfOrder(sequence: Int64, after: Int64)
  /// It does not follow the entry before it: that one was replaced.
  case unlinked(sequence: Int64)
  /// None of the entries is the one remembered: those at the end were removed, or all were written anew.
  case headMissing(digest: String, last: Int64)
  /// The server's own note of where the chain ends is not where the entries end.
  case ended(at: Int64, insteadOf: Int64)

  public var description: String {
    switch self {
    case .changed(let sequence): "entry \(sequence) was changed: its digest is not that of what it says"
    case .missing(let from, let to):
      from == to ? "entry \(from) is missing" : "entries \(from) to \(to) are missing"
    case .repeated(let sequence): "there are two entries \(sequence): one was inserted"
    case .outOfOrder(let sequence, let after): "entry \(sequence) stands after entry \(after)"
    case .unlinked(let sequence):
      "entry \(sequence) does not follow entry \(sequence - 1) as it is now: that one, or more before it, were replaced"
    case .headMissing(let digest, let last):
      "no entry up to \(last), the last one, has the digest \(digest): entries were removed at the end, or all of them were "
        + "written anew"
    case .ended(let last, let expected): "the entries end with \(last), where \(expected) was the last one written"
    }
  }
}

/// Checks a chain from its first entry on, set by set: it holds no more than the last one.
public struct AuditVerification: Sendable {
  /// Of the last entry that was checked.
  public private(set) var sequence: Int64 = 0
  public private(set) var digest = AuditRecord.beginning
  /// The digest that one of the entries must have; nil where none is remembered.
  private let remembered: String?
  private var isRememberedFound: Bool

  /// - Parameter remembered: the digest that a previous verification ended with, kept where nobody who can write the entries
  ///   can change it.
  public init(remembered: String? = nil) {
    self.remembered = remembered?.lowercased()
    isRememberedFound = self.remembered == nil || self.remembered == AuditRecord.beginning
  }

  /// The next entries.
  /// - Throws: the first fault.
  public mutating func check(_ records: some Sequence<AuditRecord>) throws(AuditFault) {
    for record in records {
      let expected = sequence + 1
      if record.sequence > expected { throw .missing(from: expected, to: record.sequence - 1) }
      if record.sequence == sequence { throw .repeated(sequence: sequence) }
      if record.sequence < expected { throw .outOfOrder(sequence: record.sequence, after: sequence) }
      guard ConstantTime.areEqual(record.digest, record.computedDigest) else {
        throw .changed(sequence: record.sequence)
      }
      guard ConstantTime.areEqual(record.previous, digest) else { throw .unlinked(sequence: record.sequence) }
      (sequence, digest) = (record.sequence, record.digest)
      if record.digest == remembered { isRememberedFound = true }
    }
  }

  /// After the last entry.
  /// - Parameter head: number and digest of the last entry as the server noted them when it gave the last set; nil for a file.
  public func finish(head: (sequence: Int64, digest: String)? = nil) throws(AuditFault) {
    if let head, head.sequence != sequence || head.digest != digest {
      throw .ended(at: sequence, insteadOf: head.sequence)
    }
    if let remembered, !isRememberedFound { throw .headMissing(digest: remembered, last: sequence) }
  }
}
