import HTTPTransport

extension GoogleCloudBucket {
  /// What an error response means and what to do about it.
  func failure(_ response: HTTPResponse, key: String?) -> ObjectStorageError {
    failure(response, key: key, uploads: false)
  }

  /// - Parameter uploads: there is no object that could be missing.
  func failure(_ response: HTTPResponse, key: String?, uploads: Bool) -> ObjectStorageError {
    let reason = GoogleAnswer.reason(response.body)
    var meaning = meaning(status: response.status, reason: reason)
    if meaning.code == .notFound, key == nil || uploads || GoogleAnswer.isAboutBucket(response.body) {
      meaning = (.bucketNotFound, "there is no such bucket; create it or correct the bucket name")
    }
    return failure(meaning, response, says: reason, key: key)
  }

  private func meaning(status: Int, reason: String?) -> (code: ObjectStorageError.Code, detail: String) {
    switch reason {
    case "authError", "required", "invalidCredentials":
      return (.accessDenied, "the store does not accept the token; check \(origin(of: credentials.source))")
    case "rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError":
      return (.unreachable, StatusMeaning.overloaded)
    case "quotaExceeded", "dailyLimitExceeded":
      return (.diskFull, "the project's quota is used up; raise it")
    case "accountDisabled", "userProjectAccountProblem":
      return (.accessDenied, "the project's billing is off; turn it on")
    case "uploadTooLarge":
      return (.tooLarge, "the store does not take objects of this size")
    case "retentionPolicyNotMet", "objectUnderActiveHold":
      return (.refused, "a policy of the bucket forbids to change or delete the object")
    default:
      return StatusMeaning.of(
        status,
        denied: "the credentials may not do this; give the service account the role Storage Object User on the bucket, "
          + "or check \(origin(of: credentials.source))")
    }
  }

  private func origin(of source: GoogleCredentials) -> String {
    switch source {
    case .serviceAccount: "GCS_CREDENTIALS_FILE"
    case .metadata: "the service account of this machine or pod"
    case .anonymous: "GCS_CREDENTIALS_FILE, which is not set"
    }
  }
}
