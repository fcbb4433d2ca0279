import Cryptography
import ReleaseManifest
import Testing

@Suite struct EnvelopeTests {
  @Test func textOfASignedEnvelopeReadsBackAsItself() throws {
    let key = Ed25519.PrivateKey()
    var envelope = Envelope(payloadType: .release, payload: Array("{}".utf8))
    envelope.sign(with: key)
    let read = try Envelope(parsing: Array(envelope.text.utf8), expecting: .release)
    #expect(read == envelope)
    #expect(read.signers(among: [key.publicKey]) == [key.publicKey.id])
  }
}
