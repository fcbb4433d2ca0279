import HTTPTransport

extension S3Bucket {
  /// What an error response means and what to do about it.
  func failure(_ response: HTTPResponse, key: String?) -> ObjectStorageError {
    let code = S3Answer.errorCode(response.body)
    return failure(meaning(status: response.status, code: code), response, says: code, key: key)
  }

  private func meaning(status: Int, code: String?) -> (code: ObjectStorageError.Code, detail: String) {
    switch code {
    case "NoSuchKey":
      return (.notFound, "there is no such object")
    case "NoSuchBucket":
      return (.bucketNotFound, "there is no such bucket; create it or correct the bucket name")
    case "InvalidAccessKeyId":
      return (.accessDenied, "the store does not know the access key; correct \(credentials.source.keyRemedy)")
    case "SignatureDoesNotMatch":
      return (
        .accessDenied, "the secret does not belong to the access key; correct \(credentials.source.secretRemedy)"
      )
    case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
      return (.accessDenied, "the session token has expired or is wrong; renew \(credentials.source.tokenRemedy)")
    case "RequestTimeTooSkewed":
      return (.accessDenied, "this machine's clock is more than 15 minutes off; correct it")
    case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
      return (.refused, "the bucket is in another region; correct the bucket's region")
    case "EntityTooLarge":
      return (.tooLarge, "the store does not take objects of this size")
    case "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded":
      return (.diskFull, "the store is full, or the bucket's quota is used up; free some space or raise the quota")
    case "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch":
      return (.unreachable, "what arrived at the store is not what was sent; it is sent again")
    case "NoSuchUpload":
      // Removed by a rule, or finished already, and the answer to that was lost: then what it did cannot be told from nothing.
      return (.unreachable, "the store has lost the upload; it must be put again")
    case "InvalidObjectState":
      return (.refused, "the object is archived; restore it, or keep this bucket's objects out of the archive")
    case "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted",
      "XMinioServerNotInitialized":
      return (.unreachable, StatusMeaning.overloaded)
    default:
      return StatusMeaning.of(
        status, denied: "the credentials may not do this; check the access key, its secret and the policy")
    }
  }
}

extension S3CredentialSource {
  fileprivate var keyRemedy: String {
    switch self {
    case .fixed: "AWS_ACCESS_KEY_ID"
    default: "\(origin), or the endpoint they are used at"
    }
  }

  fileprivate var secretRemedy: String {
    switch self {
    case .fixed: "AWS_SECRET_ACCESS_KEY"
    default: origin
    }
  }

  fileprivate var tokenRemedy: String {
    switch self {
    case .fixed: "AWS_SESSION_TOKEN"
    default: origin
    }
  }
}
