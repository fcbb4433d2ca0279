import CLibCurl
import Glibc

extension TransferError {
  /// Says what libcurl's result means. Its own text is used only where it cannot hold a URL.
  init(
    _ result: CURLcode, easy: UnsafeMutableRawPointer, errorText: UnsafePointer<CChar>, peer: String
  ) {
    let detail = Self.detail(result, easy: easy, errorText: errorText)
    switch result {
    case CURLE_COULDNT_RESOLVE_HOST:
      self.init(code: .couldNotResolve, message: "cannot resolve the host name of \(peer)")
    case CURLE_COULDNT_RESOLVE_PROXY:
      self.init(code: .couldNotResolve, message: "cannot resolve the host name of the proxy for \(peer)")
    case CURLE_COULDNT_CONNECT:
      self.init(code: .couldNotConnect, message: "cannot connect to \(peer): \(detail)")
    case CURLE_OPERATION_TIMEDOUT:
      var connected: curl_off_t = 0
      _ = curl_shim_get_offset(easy, CURLINFO_CONNECT_TIME_T, &connected)
      let phase = connected == 0 ? "connecting to \(peer) took too long" : "\(peer) did not finish its response in time"
      self.init(code: .timedOut, message: "timed out: \(phase)")
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE,
      CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS,
      CURLE_SSL_CLIENTCERT, CURLE_SSL_CRL_BADFILE:
      self.init(code: .tls, message: "no trusted TLS connection to \(peer): \(detail)")
    case CURLE_FILESIZE_EXCEEDED:
      self.init(code: .responseTooLarge, message: "\(peer) announced a larger response than allowed")
    case CURLE_UNSUPPORTED_PROTOCOL:
      // The URL's scheme was checked before: the answer is what libcurl means.
      self.init(code: .connectionLost, message: "\(peer) does not answer in HTTP")
    case CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT:
      self.init(code: .invalidRequest, message: "the request to \(peer) is not usable: \(Self.text(of: result))")
    default:
      self.init(code: .connectionLost, message: "the connection to \(peer) was lost: \(detail)")
    }
  }

  static func cancelled(peer: String) -> TransferError {
    TransferError(code: .cancelled, message: "the request to \(peer) was cancelled")
  }

  private static func text(of result: CURLcode) -> String { String(cString: curl_easy_strerror(result)) }

  /// The operating system's reason if there is one, else libcurl's words for this transfer, else those for the code.
  private static func detail(
    _ result: CURLcode, easy: UnsafeMutableRawPointer, errorText: UnsafePointer<CChar>
  ) -> String {
    var number = 0
    _ = curl_shim_get_long(easy, CURLINFO_OS_ERRNO, &number)
    if result == CURLE_COULDNT_CONNECT {
      // libcurl's own words hold how long it tried, so that a status that quotes them would change with every try.
      return number == 0 ? text(of: result) : String(cString: strerror(Int32(number)))
    }
    let detail = String(cString: errorText)
    return detail.isEmpty ? text(of: result) : detail
  }
}
