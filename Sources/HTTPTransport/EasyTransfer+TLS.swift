import CLibCurl

extension EasyTransfer {
  func setTLSOptions(_ tls: TLSSettings) {
    set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
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
