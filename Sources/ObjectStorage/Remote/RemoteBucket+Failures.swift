import HTTPTransport
import WireFormats

extension RemoteBucket {
  /// What an error response means whose body is still to come.
  func failure(_ response: HTTPStreamingResponse, key: String) async -> ObjectStorageError {
    var body: [UInt8] = []
    do throws(HTTPTransportError) {
      for try await piece in response.body {
        body += piece
        if body.count >= Self.maximumErrorBytes { break }
      }
    } catch {
      return failure(error, key: key)
    }
    return failure(HTTPResponse(status: response.status, headers: response.headers, body: body), key: key)
  }

  /// Why there is no response.
  func failure(_ error: HTTPTransportError, key: String?) -> ObjectStorageError {
    ObjectStorageError(error, bucket: name, key: key)
  }

  /// `meaning` with what the store said, and with the clock where that is the reason.
  func failure(
    _ meaning: (code: ObjectStorageError.Code, detail: String), _ response: HTTPResponse, says word: String?,
    key: String?
  ) -> ObjectStorageError {
    let code = meaning.code
    var detail = meaning.detail
    if code == .accessDenied, let skew = ClockSkew(response.headers, now: access.now()) { detail = skew.text }
    let said =
      word.map { " (\(host) says \($0), status \(response.status))" }
      ?? " (\(host) answers with status \(response.status))"
    return ObjectStorageError(
      code: code, bucket: name, key: code == .bucketNotFound ? nil : key, detail: detail + said)
  }
}

/// What a status means by itself, the same for every store over HTTP.
enum StatusMeaning {
  static let overloaded = "the store is overloaded or broken; it is tried again"

  static func of(
    _ status: Int, denied: String
  ) -> (code: ObjectStorageError.Code, detail: String) {
    switch status {
    case 404: (.notFound, "there is no such object")
    case 401, 403: (.accessDenied, denied)
    case 413: (.tooLarge, "the store does not take objects of this size")
    case 507: (.diskFull, "the store's disk is full")
    case 408, 429, 500...599: (.unreachable, overloaded)
    case 300..<400: (.refused, "the store sends elsewhere; correct the bucket's region or endpoint")
    default: (.refused, "the store refuses")
    }
  }

  /// An error code of a store, as far as it may stand in a message: only what a code looks like.
  static func word(_ text: String?) -> String? {
    guard let text, !text.isEmpty, text.utf8.count <= 64,
      text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "_") })
    else { return nil }
    return text
  }
}

/// How far this machine's clock is from a server's, where it is so far that signatures and tokens are refused for it.
struct ClockSkew {
  private let isBehind: Bool
  private let minutes: Int64

  init?(_ headers: HTTPHeaders, now: Timestamp) {
    guard let date = headers["date"].flatMap(HTTPDate.timestamp) else { return nil }
    let offset = (date - now).components.seconds
    guard offset.magnitude > 300 else { return nil }
    isBehind = offset > 0
    minutes = Int64(clamping: (offset.magnitude + 30) / 60)
  }

  var text: String { "this machine's clock is \(minutes) minutes \(isBehind ? "slow" : "fast"); correct it" }
}

extension ObjectStorageError {
  /// Why there is no response.
  init(_ error: HTTPTransportError, bucket: String, key: String?) {
    let code: Code =
      switch error.code {
      case .couldNotResolve, .couldNotConnect, .timedOut, .connectionLost: .unreachable
      case .cancelled: .cancelled
      case .responseTooLarge: .tooLarge
      case .fileUnreadable: .fileUnusable
      case .tls, .invalidRequest, .addressRefused: .refused
      }
    self.init(code: code, bucket: bucket, key: key, detail: error.message)
  }
}
