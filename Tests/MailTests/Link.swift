import CLibSSL
import TestSupport

/// The server's end of a connection, in the clear or encrypted. Used by one thread.
@safe final class Link {
  private let connection: ServerConnection
  private var received: ArraySlice<UInt8> = []
  private var context: OpaquePointer?
  private var session: OpaquePointer?

  var number: Int { connection.number }

  init(_ connection: ServerConnection) { self.connection = connection }

  deinit {
    if let session = unsafe session { unsafe SSL_free(session) }
    if let context = unsafe context { unsafe SSL_CTX_free(context) }
  }

  /// Goes on with TLS, of which the client begins the handshake.
  func encrypt(with certificate: TestCertificate) -> Bool {
    // What a client sent before the handshake does not count (CVE-2011-0411).
    received = []
    unsafe context = unsafe SSL_CTX_new(TLS_server_method())
    unsafe SSL_CTX_use_certificate_chain_file(context, certificate.certificateFile)
    unsafe SSL_CTX_use_PrivateKey_file(context, certificate.keyFile, SSL_FILETYPE_PEM)
    unsafe session = unsafe SSL_new(context)
    return unsafe SSL_set_fd(session, connection.descriptor) == 1 && SSL_accept(session) == 1
  }

  /// Nil at the end of the connection.
  func readLine() -> String? {
    while true {
      if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
        let line = received[..<end].filter { $0 != UInt8(ascii: "\r") }
        received = received[(end + 1)...]
        return String(decoding: line, as: UTF8.self)
      }
      guard let bytes = read(), !bytes.isEmpty else { return nil }
      received += bytes
    }
  }

  /// Up to a line that is a dot alone.
  func readText() -> String? {
    var text = ""
    while let line = readLine() {
      if line == "." { return text }
      text += (line.hasPrefix(".") ? line.dropFirst() : line[...]) + "\r\n"
    }
    return nil
  }

  func write(_ text: String) -> Bool {
    guard unsafe session != nil else { return connection.write(text) }
    let bytes = Array(text.utf8)
    return unsafe SSL_write(session, bytes, Int32(bytes.count)) == bytes.count
  }

  private func read() -> [UInt8]? {
    guard unsafe session != nil else { return connection.read() }
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = unsafe SSL_read(session, &bytes, Int32(bytes.count))
    return count > 0 ? Array(bytes[..<Int(count)]) : nil
  }
}
