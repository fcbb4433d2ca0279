import Cryptography
import ReleaseManifest
import Testing
import WireFormats

@Suite struct EnvelopeTests {
  private static let payload = Array(#"{"a": 1}"#.utf8)

  private static func envelope(_ keys: UInt8...) -> Envelope {
    var envelope = Envelope(payloadType: .release, payload: payload)
    for number in keys { envelope.sign(with: Vendor.key(number)) }
    return envelope
  }

  private static func parse(_ text: String, _ type: Envelope.PayloadType = .release) throws(TrustError) -> Envelope {
    try Envelope(parsing: Array(text.utf8), expecting: type)
  }

  private static func text(payload: String, type: String = Envelope.PayloadType.release.rawValue, signature: String)
    -> String
  {
    #"{"payload":"\#(payload)","payloadType":"\#(type)","signatures":[{"keyid":"","sig":"\#(signature)"}]}"#
  }

  @Test func textOfASignedEnvelopeReadsBackAsItself() throws {
    let envelope = Self.envelope(1)
    let read = try Self.parse(envelope.text)
    #expect(read == envelope)
    #expect(read.signers(among: [Vendor.key(1).publicKey]) == [Vendor.id(1)])
  }

  /// The example of the DSSE specification, version 1.
  @Test func whatIsSignedIsTheEncodingOfTheSpecification() {
    let envelope = Envelope(payloadType: .root, payload: Array("hello world".utf8))
    #expect(
      String(decoding: envelope.signedBytes, as: UTF8.self)
        == "DSSEv1 36 application/vnd.wrktalk.root.v1+json 11 hello world")
  }

  @Test func whatWasSignedAsOneThingIsNotAnother() throws {
    let envelope = Self.envelope(1)
    for type in Envelope.PayloadType.allCases where type != .release {
      #expect(throws: TrustError.self) { try Self.parse(envelope.text, type) }
      var disguised = envelope
      disguised.payloadType = type
      let read = try Self.parse(disguised.text, type)
      #expect(read.signers(among: [Vendor.key(1).publicKey]).isEmpty, "\(type)")
    }
  }

  @Test func aKeyIsOneSignerHoweverOftenItSigns() {
    var envelope = Self.envelope(1)
    let signature = envelope.signatures[0].bytes
    for name in ["", "other", Vendor.id(2).text] { envelope.add(.init(keyID: name, bytes: signature)) }
    #expect(envelope.signatures.count == 4)
    #expect(envelope.signers(among: [1, 2].map { Vendor.key($0).publicKey }) == [Vendor.id(1)])
  }

  @Test(arguments: ["", "other", Vendor.id(2).text, Vendor.id(1).text.uppercased(), String(repeating: "0", count: 64)])
  func theNameOfAKeyIsOnlyAHint(_ name: String) {
    var envelope = Self.envelope()
    envelope.add(.init(keyID: name, bytes: Vendor.key(1).signature(for: envelope.signedBytes)))
    #expect(envelope.signers(among: [1, 2, 3].map { Vendor.key($0).publicKey }) == [Vendor.id(1)])
    #expect(envelope.signers(among: [2, 3].map { Vendor.key($0).publicKey }).isEmpty)
  }

  @Test func signaturesWithoutANameStandBesideEachOther() {
    var envelope = Self.envelope()
    for number: UInt8 in [1, 2] {
      envelope.add(.init(keyID: "", bytes: Vendor.key(number).signature(for: envelope.signedBytes)))
    }
    #expect(envelope.signers(among: [1, 2].map { Vendor.key($0).publicKey }) == [Vendor.id(1), Vendor.id(2)])
  }

  @Test func aChangedByteOfThePayloadOrSignatureEndsTheSignature() {
    let key = [Vendor.key(1).publicKey]
    var changed = Self.envelope(1)
    changed.payload[2] ^= 1
    #expect(changed.signers(among: key).isEmpty)
    for index in [0, 31, 32, 63] {
      var changed = Self.envelope(1)
      changed.signatures[0].bytes[index] ^= 0x20
      #expect(changed.signers(among: key).isEmpty, "byte \(index)")
    }
  }

  /// S + L in place of S: the other text of one signature (RFC 8032 §5.1.7 refuses it).
  @Test func aSignatureHasOneForm() {
    let order: [UInt8] =
      [0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14]
      + [UInt8](repeating: 0, count: 15) + [0x10]
    var envelope = Self.envelope(1)
    var carry = 0
    for index in 0..<32 {
      let sum = Int(envelope.signatures[0].bytes[32 + index]) + Int(order[index]) + carry
      envelope.signatures[0].bytes[32 + index] = UInt8(sum & 0xFF)
      carry = sum >> 8
    }
    #expect(carry == 0)
    #expect(envelope.signers(among: [Vendor.key(1).publicKey]).isEmpty)
  }

  @Test func bothAlphabetsOfBase64AreRead() throws {
    let payload: [UInt8] = [0xFB, 0xFF, 0xFE, 0x7B]
    let signature = [UInt8](repeating: 0xFB, count: 64)
    let standard = Base64.encode(payload)
    let urlSafe = Base64.encode(payload, alphabet: .urlSafe)
    let texts = [
      Self.text(payload: standard, signature: Base64.encode(signature)),
      Self.text(payload: urlSafe, signature: Base64.encode(signature, alphabet: .urlSafe)),
      Self.text(payload: urlSafe + "==", signature: Base64.encode(signature, alphabet: .urlSafe) + "=="),
    ]
    for text in texts {
      let read = try Self.parse(text)
      #expect(read.payload == payload)
      #expect(read.signatures == [.init(keyID: "", bytes: signature)])
    }
  }

  static let malformed: [(String, String)] = {
    let payload = Base64.encode(EnvelopeTests.payload)
    let signature = Base64.encode([UInt8](repeating: 1, count: 64))
    let whole = EnvelopeTests.text(payload: payload, signature: signature)
    let many = Array(repeating: #"{"sig":"\#(signature)"}"#, count: 17).joined(separator: ",")
    let type = Envelope.PayloadType.release.rawValue
    return [
      ("nothing", ""), ("no JSON", "{"), ("a list", "[]"), ("null", "null"), ("two values", whole + whole),
      ("no payload", #"{"payloadType":"\#(type)","signatures":[]}"#),
      ("a number as payload", whole.replacingFirst("\"\(payload)\"", with: "1")),
      ("an empty payload", whole.replacingFirst(payload, with: "")),
      ("another type", whole.replacingFirst("release", with: "root")),
      ("a type in capitals", whole.replacingFirst("application", with: "Application")),
      ("a key that stands twice", whole.replacingFirst("{", with: #"{"payload":"","#)),
      ("white space in base 64", whole.replacingFirst(payload, with: payload + " ")),
      ("stray bits in base 64", EnvelopeTests.text(payload: "eyB=", signature: signature)),
      ("half a padding", EnvelopeTests.text(payload: "eyA9-_8=1", signature: signature)),
      ("both alphabets at once", EnvelopeTests.text(payload: "+_+_", signature: signature)),
      ("padding alone", EnvelopeTests.text(payload: "====", signature: signature)),
      ("three pads", EnvelopeTests.text(payload: "_===", signature: signature)),
      ("63 bytes", EnvelopeTests.text(payload: payload, signature: Base64.encode([UInt8](repeating: 1, count: 63)))),
      ("65 bytes", EnvelopeTests.text(payload: payload, signature: Base64.encode([UInt8](repeating: 1, count: 65)))),
      ("17 signatures", #"{"payload":"\#(payload)","payloadType":"\#(type)","signatures":[\#(many)]}"#),
      ("a signature that is a text", #"{"payload":"\#(payload)","payloadType":"\#(type)","signatures":["x"]}"#),
      ("signatures by name", #"{"payload":"\#(payload)","payloadType":"\#(type)","signatures":{}}"#),
      ("too deep", #"{"a":[[[[[[[[[1]]]]]]]]]}"#),
      ("a control character in a name", whole.replacingFirst(#""keyid":"""#, with: #""keyid":"\u001b[2J""#)),
    ]
  }()

  @Test(arguments: malformed) func whatIsNoEnvelopeIsRefused(_ what: String, _ text: String) {
    #expect(throws: TrustError.self, "\(what)") { try Self.parse(text) }
    do throws(TrustError) { _ = try Self.parse(text) } catch { #expect(error.reason == .malformed, "\(what)") }
  }

  @Test func whatIsTooLargeIsRefusedUnread() {
    let text = [UInt8](repeating: UInt8(ascii: "["), count: Envelope.maximumByteCount + 1)
    #expect(throws: TrustError.self) { try Envelope(parsing: text, expecting: .release) }
  }
}

extension String {
  func replacingFirst(_ part: String, with other: String) -> String {
    guard let range = firstRange(of: part) else { return self }
    return replacingCharacters(range, with: other)
  }

  private func replacingCharacters(_ range: Range<String.Index>, with other: String) -> String {
    String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
  }
}
