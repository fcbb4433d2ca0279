/// A reader of bytes that come from people one should not trust, and what must hold whatever they are.
///
/// The fuzzer (`make fuzz`) looks for bytes with which it does not hold; `FuzzingTests` tries those that are kept in
/// `Tests/Fixtures/fuzzing/NAME`.
public struct FuzzTarget: Sendable {
  public let name: String
  /// Longer inputs show nothing new.
  public let maximumByteCount: Int
  /// Throws `Finding` where a property does not hold, and must end normally otherwise.
  public let check: @Sendable ([UInt8]) async throws -> Void

  /// What should hold and does not.
  public struct Finding: Error, CustomStringConvertible {
    public var description: String
  }

  public static let all: [FuzzTarget] = [
    json, patch, yaml, text, record, request, archive, gzip, xml, settings, revision, output, envelope, form,
    license, zone, calendar,
  ]
}

func require(_ holds: Bool, _ what: @autoclosure () -> String) throws(FuzzTarget.Finding) {
  guard holds else { throw FuzzTarget.Finding(description: what()) }
}

extension [UInt8] {
  /// The parts between bytes 0xFF, which are in no UTF-8 text; always `count` of them.
  func parts(_ count: Int) -> [[UInt8]] {
    let found = split(separator: 0xFF, maxSplits: count - 1, omittingEmptySubsequences: false).map(Array.init)
    return found + [[UInt8]](repeating: [], count: count - found.count)
  }

  var asText: String { String(decoding: self, as: UTF8.self) }
}
