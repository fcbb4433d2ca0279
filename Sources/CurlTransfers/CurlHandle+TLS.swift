import CLibCurl
import Glibc

extension CurlHandle {
  /// The system's certificate authorities, where they are one file.
  private static let systemBundle: String? = {
    guard let easy = curl_easy_init() else { return nil }
    defer { curl_easy_cleanup(easy) }
    return curl_shim_default_authority_file(easy).map { String(cString: $0) }.flatMap {
      access($0, R_OK) == 0 ? $0 : nil
    }
  }()

  func setTLSOptions(_ tls: TLSSettings) {
    set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
    let hasOwnAuthority = tls.certificateAuthorityFile != nil || tls.certificateAuthorityPEM != nil
    if hasOwnAuthority || Self.systemBundle != nil {
      // libcurl would look into its default folder as well: whoever names authorities trusts no others. And without a folder
      // it reads the system's bundle once, not for each connection, which takes 30 ms of processor time.
      _ = curl_shim_set_string(easy, CURLOPT_CAPATH, nil)
    }
    // A file of one's own may be replaced at any time.
    set(CURLOPT_CA_CACHE_TIMEOUT, hasOwnAuthority ? 0 : 3600)
    set(CURLOPT_CAINFO, tls.certificateAuthorityFile, orText: tls.certificateAuthorityPEM, as: CURLOPT_CAINFO_BLOB)
    set(CURLOPT_SSLCERT, tls.clientCertificateFile, orText: tls.clientCertificatePEM, as: CURLOPT_SSLCERT_BLOB)
    set(CURLOPT_SSLKEY, tls.clientKeyFile, orText: tls.clientKeyPEM, as: CURLOPT_SSLKEY_BLOB)
    if tls.isVerificationDisabled {
      set(CURLOPT_SSL_VERIFYPEER, 0)
      set(CURLOPT_SSL_VERIFYHOST, 0)
    }
  }

  private func set(_ option: CURLoption, _ file: String?, orText text: String?, as textOption: CURLoption) {
    if var text {
      text.withUTF8 { _ = curl_shim_set_blob(easy, textOption, $0.baseAddress, $0.count) }
    } else if let file {
      set(option, file)
    }
  }
}
