import HTTPTransport

extension S3Bucket {
  /// What an error response means and what to do about it.
  func failure(_ response: HTTPResponse, key: String?) -> ObjectStorageError {
    let code = S3Answer.errorCode(response.body)
    let (meaning, detail) = Self.meaning(status: response.status, code: code, host: location.host)
    let said =
      code.map { " (\(location.host) says \($0), status \(response.status))" }
      ?? " (\(location.host) answers with status \(response.status))"
    return ObjectStorageError(
      code: meaning, bucket: name, key: meaning == .bucketNotFound ? nil : key, detail: detail + said)
  }

  /// What an error response means whose body is still to come.
  func failure(_ response: HTTPStreamingResponse, key: String) async -> ObjectStorageError {
    var body: [UInt8] = []
    do throws(HTTPTransportError) {
      for try await piece in response.body {
        body += piece
        if body.count >= S3Answer.maximumErrorBytes { break }
      }
    } catch {
      return failure(error, key: key)
    }
    return failure(HTTPResponse(status: response.status, headers: response.headers, body: body), key: key)
  }

  /// Why there is no response.
  func failure(_ error: HTTPTransportError, key: String?) -> ObjectStorageError {
    let code: ObjectStorageError.Code =
      switch error.code {
      case .couldNotResolve, .couldNotConnect, .timedOut, .connectionLost: .unreachable
      case .cancelled: .cancelled
      case .responseTooLarge: .tooLarge
      case .fileUnreadable: .fileUnusable
      case .tls, .invalidRequest, .addressRefused: .refused
      }
    return ObjectStorageError(code: code, bucket: name, key: key, detail: error.message)
  }

  private static func meaning(status: Int, code: String?, host: String) -> (ObjectStorageError.Code, String) {
    switch code {
    case "NoSuchKey":
      return (.notFound, "there is no such object")
    case "NoSuchBucket":
      return (.bucketNotFound, "there is no such bucket; create it or correct the bucket name")
    case "InvalidAccessKeyId":
      return (.accessDenied, "the store does not know the access key; correct AWS_ACCESS_KEY_ID")
    case "SignatureDoesNotMatch":
      return (.accessDenied, "the secret does not belong to the access key; correct AWS_SECRET_ACCESS_KEY")
    case "ExpiredToken", "InvalidToken":
      return (.accessDenied, "the session token has expired or is wrong; renew AWS_SESSION_TOKEN")
    case "RequestTimeTooSkewed":
      return (.accessDenied, "this machine's clock is more than 15 minutes off; correct it")
    case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
      return (.refused, "the bucket is in another region; correct the bucket's region")
    case "EntityTooLarge":
      return (.tooLarge, "the store does not take objects of this size")
    case "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted",
      "XMinioServerNotInitialized":
      return (.unreachable, "the store is overloaded or broken; it is tried again")
    default:
      break
    }
    return switch status {
    case 404: (.notFound, "there is no such object")
    case 401, 403: (.accessDenied, "the credentials may not do this; check the access key, its secret and the policy")
    case 507: (.diskFull, "the store's disk is full")
    case 408, 429, 500...599: (.unreachable, "the store is overloaded or broken; it is tried again")
    case 300..<400: (.refused, "the store sends elsewhere; correct the bucket's region or endpoint")
    default: (.refused, "the store refuses")
    }
  }
}
