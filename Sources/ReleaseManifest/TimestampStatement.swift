import Cryptography
public import WireFormats

/// Says how new the news is: signed every few days, so that nobody can hide a release for longer unnoticed.
public struct TimestampStatement: Sendable, Hashable {
  public var product: String
  public var issuedAt: Timestamp
  /// After this moment the statement says nothing any more, and new releases wait for the next one.
  public var expires: Timestamp
  /// Of the newest trust root.
  public var rootVersion: Int64
  /// Of the newest release.
  public var sequence: Int64
  /// Releases below are withdrawn: nobody returns to them.
  public var minimumSequence: Int64

  public init(
    product: String, issuedAt: Timestamp, expires: Timestamp, rootVersion: Int64, sequence: Int64,
    minimumSequence: Int64 = 0
  ) {
    self.product = product
    self.issuedAt = issuedAt
    self.expires = expires
    self.rootVersion = rootVersion
    self.sequence = sequence
    self.minimumSequence = minimumSequence
  }

  /// - Throws: `malformed`, naming the field.
  public init(payload: [UInt8]) throws(TrustError) {
    let value: JSONValue
    do throws(JSONParseError) {
      value = try JSONValue(parsing: payload, maximumDepth: 4, maximumNodeCount: 100)
    } catch {
      throw TrustError(.malformed, "the timestamp statement is not valid JSON: \(error)")
    }
    var reader = PayloadReader(value)
    product = reader.string("product", 1...100)
    issuedAt = reader.time("issuedAt")
    expires = reader.time("expires")
    rootVersion = reader.integer("rootVersion", 1...(1 << 31))
    sequence = reader.integer("sequence", 0...Manifest.maximumSequence)
    minimumSequence = reader.integer("minimumSequence", 0...Manifest.maximumSequence, default: 0)
    if expires <= issuedAt { reader.refuse("expires", "must be after issuedAt") }
    if minimumSequence > sequence { reader.refuse("minimumSequence", "must not be above sequence") }
    try reader.finish("the timestamp statement")
  }

  public var payload: [UInt8] {
    let value: JSONValue = [
      "product": .string(product), "issuedAt": .string(issuedAt.description), "expires": .string(expires.description),
      "rootVersion": .integer(rootVersion), "sequence": .integer(sequence),
      "minimumSequence": .integer(minimumSequence),
    ]
    return value.serialized(indented: true)
  }
}
