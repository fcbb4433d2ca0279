import ReleaseManifest
import WireFormats

/// Why the document that holds the trust memory cannot be read.
struct TrustDocumentError: Error {
  var message: String
}

/// The trust memory, as it is kept.
enum TrustDocument {
  /// - Returns: nil where there is none.
  static func read(_ content: [UInt8]?) throws(TrustDocumentError) -> (TrustMemory, TrustRoot)? {
    guard let content else { return nil }
    do {
      let memory = try JSONValue(parsing: content).decoded(as: TrustMemory.self)
      return (memory, try memory.trustRoot())
    } catch {
      throw TrustDocumentError(message: "\(AgentMemory.trustName) is damaged (\(Self.words(error)))")
    }
  }

  private static func words(_ error: any Error) -> String {
    switch error {
    case let error as TrustError: error.message
    case let error as JSONParseError: "\(error)"
    default: "a field is missing or of another form"
    }
  }

  static func change(_ memory: TrustMemory) throws(RuntimeFailure) -> AgentMemory.Change {
    try AgentMemory.change(AgentMemory.trustName, memory)
  }
}
