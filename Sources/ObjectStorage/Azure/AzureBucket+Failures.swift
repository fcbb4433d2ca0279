import HTTPTransport

extension AzureBucket {
  /// What an error response means and what to do about it.
  func failure(_ response: HTTPResponse, key: String?) -> ObjectStorageError {
    failure(response, key: key, uploads: false)
  }

  /// - Parameter uploads: there is no object that could be missing.
  func failure(_ response: HTTPResponse, key: String?, uploads: Bool) -> ObjectStorageError {
    let code = AzureAnswer.errorCode(response)
    var meaning = meaning(status: response.status, code: code)
    if meaning.code == .notFound, key == nil || uploads { meaning = Self.missingContainer }
    return failure(meaning, response, says: code, key: key)
  }

  private static let missingContainer = (
    code: ObjectStorageError.Code.bucketNotFound,
    detail: "there is no such container; create it or correct the bucket name"
  )

  private func meaning(status: Int, code: String?) -> (code: ObjectStorageError.Code, detail: String) {
    switch code {
    case "BlobNotFound", "ResourceNotFound":
      return (.notFound, "there is no such object")
    case "ContainerNotFound", "ContainerDisabled", "InvalidResourceName":
      return Self.missingContainer
    case "AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation":
      return (.accessDenied, "the store does not accept the credentials; \(credentials.remedy)")
    case "AuthorizationFailure", "AuthorizationPermissionMismatch", "InsufficientAccountPermissions",
      "AuthorizationResourceTypeMismatch", "AuthorizationServiceMismatch", "UnauthorizedBlobOverwrite":
      return (.accessDenied, "the credentials may not do this; \(credentials.permissionRemedy)")
    case "AuthorizationProtocolMismatch", "AccountRequiresHttps":
      return (.accessDenied, "the store wants https; correct the endpoint's protocol")
    case "AuthorizationSourceIPMismatch":
      return (.accessDenied, "the store does not serve this machine's address; correct the account's firewall")
    case "KeyBasedAuthenticationNotPermitted":
      return (.accessDenied, "the account does not allow keys; use an identity, or allow keys for the account")
    case "AccountIsDisabled":
      return (.accessDenied, "the storage account is disabled; ask who runs it")
    case "RequestBodyTooLarge", "BlockCountExceedsLimit":
      return (.tooLarge, "the store does not take objects of this size")
    case "AccountLimitExceeded", "BlobOverQuota", "StorageQuotaExceeded":
      return (.diskFull, "the storage account is full; free some space or raise its limit")
    case "Md5Mismatch", "Crc64Mismatch":
      return (.unreachable, "what arrived at the store is not what was sent; it is sent again")
    case "InvalidBlockList":
      return (.unreachable, "another upload to the same key took this one's blocks; it must be put again")
    case "BlobArchived", "BlobBeingRehydrated":
      return (.refused, "the object is archived; restore it, or keep this container's objects out of the archive")
    case "BlobImmutableDueToPolicy":
      return (.refused, "a policy of the container forbids to change or delete the object")
    case "LeaseIdMissing", "LeaseIdMismatchWithBlobOperation":
      return (.refused, "somebody holds a lease on the object; end it")
    case "ServerBusy", "InternalError", "OperationTimedOut", "ContainerBeingDeleted", "PendingCopyOperation":
      return (.unreachable, StatusMeaning.overloaded)
    default:
      return StatusMeaning.of(status, denied: "the credentials may not do this; \(credentials.permissionRemedy)")
    }
  }
}
