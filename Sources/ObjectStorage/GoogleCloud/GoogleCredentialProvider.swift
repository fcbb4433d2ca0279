import Files
import HTTPTransport
import Threads
import WireFormats

/// Has a token for Google's cloud ready, and keeps it fresh.
struct GoogleCredentialProvider: Sendable {
  let source: GoogleCredentials
  private let tokens: TemporaryCredentials<String>

  init(_ source: GoogleCredentials, bucket: String, access: StoreAccess) {
    self.source = source
    let service = CredentialService(what: "a token of Google's cloud", bucket: bucket, access: access)
    tokens = TemporaryCredentials(now: access.now) { () async throws(ObjectStorageError) in
      try await service.googleToken(source)
    }
  }

  /// Nil where nothing is to be said.
  func current() async throws(ObjectStorageError) -> String? {
    if case .anonymous = source { return nil }
    return try await tokens.value()
  }

  func renew() async -> Bool { await tokens.renew() }
}

extension CredentialService {
  private static var scope: String { "https://www.googleapis.com/auth/devstorage.read_write" }

  fileprivate func googleToken(
    _ source: GoogleCredentials
  ) async throws(ObjectStorageError) -> TemporaryCredentials<String>.Issue {
    switch source {
    case .anonymous: throw failure(.accessDenied, "none is configured")
    case .serviceAccount(let file): try await token(ofServiceAccount: file)
    case .metadata(let endpoint): try await token(ofMachine: endpoint)
    }
  }

  private func token(
    ofServiceAccount file: String
  ) async throws(ObjectStorageError) -> TemporaryCredentials<String>.Issue {
    let key = try await serviceAccount(file)
    let response = try await ask(
      "POST", key.tokenAddress,
      form: [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", key.assertion(scope: Self.scope, at: access.now())),
      ])
    guard response.isSuccess else {
      throw failure(
        .accessDenied,
        "Google refuses the service account's key, which may have been deleted or disabled; make a new one for "
          + "GCS_CREDENTIALS_FILE (\(file))", response,
        says: StatusMeaning.word(Self.object(response)?["error"]?.string))
    }
    return try tokenIssue(response)
  }

  private func serviceAccount(_ file: String) async throws(ObjectStorageError) -> ServiceAccountKey {
    let text: String?
    do {
      text = try await onOwnThread { () throws(FileFault) in try SmallFile.text(file, maximumBytes: 64 << 10) }
    } catch {
      throw failure(.fileUnusable, "GCS_CREDENTIALS_FILE (\(file)) cannot be read: \(error.text)")
    }
    do throws(ServiceAccountKey.Fault) {
      return try ServiceAccountKey(json: text ?? "")
    } catch {
      throw failure(.fileUnusable, "GCS_CREDENTIALS_FILE (\(file)) cannot be used: \(error.text)")
    }
  }

  private func token(
    ofMachine endpoint: String
  ) async throws(ObjectStorageError) -> TemporaryCredentials<String>.Issue {
    let remedy = "where this is no machine of Google's cloud with a service account, set GCS_CREDENTIALS_FILE"
    let response: HTTPResponse
    do throws(ObjectStorageError) {
      response = try await ask(
        "GET", "\(endpoint)/computeMetadata/v1/instance/service-accounts/default/token",
        headers: [("Metadata-Flavor", "Google")])
    } catch {
      throw ObjectStorageError(code: error.code, bucket: bucket, detail: "\(error.detail); \(remedy)")
    }
    // Who answers without it is somebody else.
    guard response.isSuccess, response.headers["metadata-flavor"] == "Google" else {
      throw failure(.accessDenied, "the metadata server has none; \(remedy)", response)
    }
    return try tokenIssue(response)
  }
}
