import HTTPTransport
import WireFormats

/// Has the keys of `S3CredentialSource` ready, and keeps them fresh.
struct S3CredentialProvider: Sendable {
  let source: S3CredentialSource
  private let cache: TemporaryCredentials<S3Credentials>?

  init(_ source: S3CredentialSource, bucket: String, access: StoreAccess) {
    self.source = source
    if case .fixed = source {
      cache = nil
    } else {
      let service = CredentialService(what: "keys from \(source.origin)", bucket: bucket, access: access)
      cache = TemporaryCredentials(now: access.now) { () async throws(ObjectStorageError) in
        try await service.issue(source)
      }
    }
  }

  func current() async throws(ObjectStorageError) -> S3Credentials {
    if case .fixed(let credentials) = source { return credentials }
    guard let cache else { preconditionFailure("only fixed keys are not kept") }
    return try await cache.value()
  }

  func renew() async -> Bool { await cache?.renew() ?? false }
}

extension CredentialService {
  fileprivate typealias Keys = TemporaryCredentials<S3Credentials>.Issue

  fileprivate func issue(_ source: S3CredentialSource) async throws(ObjectStorageError) -> Keys {
    switch source {
    case .fixed(let credentials): Keys(value: credentials, expires: Timestamp(microseconds: .max))
    case .webIdentity(let tokenFile, let role, let session, let endpoint):
      try await assume(role, session: session, tokenFile: tokenFile, endpoint: endpoint)
    case .container(let url, let authorization): try await container(url, authorization)
    case .instance(let endpoint): try await instance(endpoint)
    }
  }

  // MARK: Web identity

  private func assume(
    _ role: String, session: String, tokenFile: String, endpoint: String
  ) async throws(ObjectStorageError) -> Keys {
    // Read each time: whoever put it there puts a newer one in its place before it ends.
    let token = try await token(inFile: tokenFile)
    let response = try await ask(
      "POST", endpoint + "/",
      form: [
        ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role),
        ("RoleSessionName", session), ("WebIdentityToken", token),
      ])
    guard response.isSuccess else {
      let code = S3Answer.errorCode(response.body)
      let detail =
        switch code {
        case "ExpiredTokenException", "ExpiredToken":
          "the token in \(tokenFile) has expired; see that it is renewed"
        case "InvalidIdentityToken":
          "AWS does not accept the token in \(tokenFile); check its issuer and audience in the account's identity provider"
        case "AccessDenied":
          "the role does not trust this identity; correct the role's trust policy, or AWS_ROLE_ARN"
        default: "AWS's token service refuses; check AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE"
        }
      throw failure(code == "IDPCommunicationError" ? .unreachable : .accessDenied, detail, response, says: code)
    }
    let keys = XMLParser.parse(response.body)?["AssumeRoleWithWebIdentityResult"]?["Credentials"]
    return try issue(
      keys?["AccessKeyId"]?.text, keys?["SecretAccessKey"]?.text, keys?["SessionToken"]?.text,
      keys?["Expiration"]?.text)
  }

  // MARK: Containers and instances

  private func container(
    _ url: String, _ authorization: S3CredentialSource.ContainerAuthorization?
  ) async throws(ObjectStorageError) -> Keys {
    let token: String? =
      switch authorization {
      case .token(let token): token
      case .file(let path): try await self.token(inFile: path)
      case nil: nil
      }
    let response = try await ask("GET", url, headers: token.map { [("Authorization", $0)] } ?? [])
    guard response.isSuccess else {
      throw failure(
        .accessDenied, "the endpoint refuses; check the role of this task or pod", response, says: word(response))
    }
    return try issue(response)
  }

  /// Version 2 of the metadata service alone: the first can be talked into requests by others.
  private func instance(_ endpoint: String) async throws(ObjectStorageError) -> Keys {
    let remedy = "where this is no EC2 instance with a role, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    let session: HTTPResponse
    do throws(ObjectStorageError) {
      session = try await ask(
        "PUT", "\(endpoint)/latest/api/token", headers: [("X-aws-ec2-metadata-token-ttl-seconds", "300")])
    } catch {
      throw ObjectStorageError(code: error.code, bucket: bucket, detail: "\(error.detail); \(remedy)")
    }
    guard session.isSuccess, let token = text(session) else {
      throw failure(.accessDenied, "the metadata service refuses; \(remedy)", session)
    }
    let headers = [("X-aws-ec2-metadata-token", token)]
    let folder = "\(endpoint)/latest/meta-data/iam/security-credentials/"
    let roles = try await ask("GET", folder, headers: headers)
    guard roles.isSuccess, let role = text(roles) else {
      throw failure(
        .accessDenied, "the instance has no role; attach an instance profile, or set AWS_ACCESS_KEY_ID", roles)
    }
    let response = try await ask("GET", folder + PercentEncoding.encode(role), headers: headers)
    guard response.isSuccess else {
      throw failure(.accessDenied, "the metadata service does not know the instance's role", response)
    }
    return try issue(response)
  }

  /// One line of plain text.
  private func text(_ response: HTTPResponse) -> String? {
    let line = String(decoding: response.body.prefix(4096), as: UTF8.self).split(whereSeparator: \.isWhitespace).first
    return line.flatMap { $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? String($0) : nil }
  }

  private func word(_ response: HTTPResponse) -> String? {
    let object = Self.object(response)
    return StatusMeaning.word(object?["code"]?.string ?? object?["Code"]?.string)
  }

  private func issue(_ response: HTTPResponse) throws(ObjectStorageError) -> Keys {
    let object = Self.object(response)
    if let code = object?["Code"]?.string, code != "Success" {
      throw failure(.accessDenied, "the service has no keys for the role", response, says: StatusMeaning.word(code))
    }
    return try issue(
      object?["AccessKeyId"]?.string, object?["SecretAccessKey"]?.string, object?["Token"]?.string,
      object?["Expiration"]?.string)
  }

  private func issue(
    _ accessKeyID: String?, _ secret: String?, _ token: String?, _ expiration: String?
  ) throws(ObjectStorageError) -> Keys {
    guard let accessKeyID, let secret, !accessKeyID.isEmpty, !secret.isEmpty,
      let expires = expiration.flatMap({ Timestamp($0) })
    else { throw failure(.refused, "the answer does not hold keys and when they expire") }
    return Keys(
      value: S3Credentials(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: token), expires: expires)
  }
}
