import Files
import Glibc
import HTTPTransport
import Threads
import WireFormats

/// Asks those who hand out temporary credentials: small questions, small answers, within seconds, and never redirected.
struct CredentialService: Sendable {
  /// Whom it is asked for, for messages: `the credentials of AWS's token service`.
  var what: String
  var bucket: String
  var access: StoreAccess

  /// Asks again while the failure may pass.
  /// - Returns: an answer of any status that is not about to pass.
  func ask(
    _ method: String, _ url: String, headers: [(name: String, value: String)] = [], form: [(String, String)]? = nil
  ) async throws(ObjectStorageError) -> HTTPResponse {
    var request = HTTPRequest(
      method: method, url: url, headers: headers, timeout: .seconds(10), connectTimeout: .seconds(3), tls: access.tls,
      maximumResponseBytes: 256 << 10)
    if let form {
      let text = form.map { "\(PercentEncoding.encode($0.0))=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
      request.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
      request.body = .bytes(Array(text.utf8))
    }
    let ready = request
    return try await access.retrying(bucket: bucket, key: nil) { () throws(ObjectStorageError) in
      let response: HTTPResponse
      do throws(HTTPTransportError) {
        response = try await access.http.send(ready)
      } catch {
        var failure = ObjectStorageError(error, bucket: bucket, key: nil)
        failure.detail = "cannot get \(what): \(failure.detail)"
        throw failure
      }
      if response.status == 408 || response.status == 429 || response.status >= 500 {
        throw failure(.unreachable, "the service is overloaded or broken; it is tried again", response)
      }
      return response
    }
  }

  /// The members of an answer in JSON; nil where it is anything else.
  static func object(_ response: HTTPResponse) -> JSONValue? {
    guard let value = try? JSONValue(parsing: response.body, maximumDepth: 8, maximumNodeCount: 1000),
      value.object != nil
    else { return nil }
    return value
  }

  /// - Parameter word: what the service calls it.
  func failure(
    _ code: ObjectStorageError.Code, _ detail: String, _ response: HTTPResponse, says word: String? = nil
  ) -> ObjectStorageError {
    var detail = detail
    if code == .accessDenied, let skew = ClockSkew(response.headers, now: access.now()) { detail = skew.text }
    let said = word.map { "it says \($0), status \(response.status)" } ?? "status \(response.status)"
    return ObjectStorageError(code: code, bucket: bucket, detail: "cannot get \(what): \(detail) (\(said))")
  }

  func failure(_ code: ObjectStorageError.Code, _ detail: String) -> ObjectStorageError {
    ObjectStorageError(code: code, bucket: bucket, detail: "cannot get \(what): \(detail)")
  }

  /// A token that others keep fresh in a file; without white space around it.
  func token(inFile path: String) async throws(ObjectStorageError) -> String {
    let text: String?
    do {
      text = try await onOwnThread { () throws(FileFault) in try SmallFile.text(path, maximumBytes: 64 << 10) }
    } catch {
      throw failure(.fileUnusable, "the file \(path) cannot be read: \(error.text)")
    }
    let token = text?.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    // It becomes a header: what could end one is refused here, where the file can be named.
    guard let token, !token.isEmpty, token.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
      throw failure(.fileUnusable, "the file \(path) does not hold a token")
    }
    return token
  }
}

enum SmallFile {
  /// Nil where it is not UTF-8. Blocks the thread meanwhile.
  static func text(_ path: String, maximumBytes: Int) throws(FileFault) -> String? {
    var bytes: [UInt8] = []
    try OpenFile(path: path).read { (piece) throws(FileFault) in
      bytes += piece
      guard bytes.count <= maximumBytes else { throw FileFault(EFBIG) }
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
