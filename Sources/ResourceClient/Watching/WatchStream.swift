import HTTPTransport
import ResourceModel
public import WireFormats

/// The changes of an open watch, in order, until the server or a cancellation ends it.
///
/// It is read by one task. Throws `.status` for an `ERROR` event (410 `Expired`: list again), `.unreachable` where the
/// connection broke, and `.protocolViolation`.
public struct WatchStream: AsyncSequence, Sendable {
  public typealias Element = WatchEvent<JSONValue>
  public typealias Failure = ResourceClientError

  let body: any AsyncSequence<[UInt8], HTTPTransportError> & Sendable
  let server: String

  /// An object is at most 3 MiB; in a watch it may stand once more as its last-applied annotation.
  static let maximumLineLength = 16 << 20

  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(
      chunks: body.makeAsyncIterator(), splitter: LineSplitter(maximumLength: Self.maximumLineLength), server: server)
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    var chunks: any AsyncIteratorProtocol<[UInt8], HTTPTransportError>
    var splitter: LineSplitter
    let server: String

    public mutating func next(
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(ResourceClientError) -> WatchEvent<JSONValue>? {
      while true {
        while let line = try nextLine() {
          if line.isEmpty { continue }
          return try WatchLine.parse(line, from: server)
        }
        let chunk: [UInt8]?
        do throws(HTTPTransportError) {
          chunk = try await chunks.next(isolation: actor)
        } catch {
          throw .unreachable(error)
        }
        // A line that the connection's end cut off is dropped: the next watch sends its change again.
        guard let chunk else { return nil }
        splitter.append(chunk)
      }
    }

    private mutating func nextLine() throws(ResourceClientError) -> [UInt8]? {
      do throws(LineSplitter.LineTooLong) {
        return try splitter.next()
      } catch {
        throw .protocolViolation("\(server) sent a change of more than \(error.maximumLength) bytes")
      }
    }
  }
}

/// One line of a watch.
enum WatchLine {
  static func parse(_ line: [UInt8], from server: String) throws(ResourceClientError) -> WatchEvent<JSONValue> {
    guard let value = try? JSONValue(parsingStored: line), let type = value["type"]?.string,
      let object = value["object"],
      let eventType = WatchEventType(rawValue: type)
    else { throw .protocolViolation("\(server) sent a line in a watch that is not a watch event") }
    switch eventType {
    case .added: return .added(object)
    case .modified: return .modified(object)
    case .deleted: return .deleted(object)
    case .bookmark:
      guard let version = object["metadata"]?["resourceVersion"]?.string else {
        throw .protocolViolation("\(server) sent a bookmark without a resourceVersion")
      }
      return .bookmark(resourceVersion: version)
    case .error:
      throw .status(
        StatusError(json: object) ?? StatusError(.internalError, "\(server) ended the watch with an error"))
    }
  }
}
