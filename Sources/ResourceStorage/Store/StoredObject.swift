public import ResourceModel
public import WireFormats

/// An object as it is kept. Its `resourceVersion` is no part of its text: it is added when the object is sent, so that the
/// text can be written before the revision is known, and one text serves every revision of an unchanged object.
public struct StoredObject: Sendable, Hashable {
  public var key: ObjectKey
  public var uid: String
  public var revision: Int64
  /// The JSON text, complete but for the version.
  let text: [UInt8]
  /// Where in the text the version belongs, between two quotation marks; 0 where the text already holds it, as an earlier
  /// version of this program stored it.
  let versionOffset: Int

  init(key: ObjectKey, uid: String, revision: Int64, text: [UInt8], versionOffset: Int) {
    self.key = key
    self.uid = uid
    self.revision = revision
    self.text = text
    self.versionOffset = Self.isPlace(versionOffset, in: text) ? versionOffset : 0
  }

  private static let versionMember = Array(#""resourceVersion":""#.utf8)

  /// Whether a version belongs there. A process of an earlier version that serves the same database for a while writes texts
  /// that hold their version, and leaves the offset of the text before.
  private static func isPlace(_ offset: Int, in text: [UInt8]) -> Bool {
    offset >= versionMember.count && offset < text.count && text[offset] == UInt8(ascii: "\"")
      && text[(offset - versionMember.count)..<offset].elementsEqual(versionMember)
  }

  /// An object whose text is complete.
  public init(key: ObjectKey, uid: String, revision: Int64, json: [UInt8]) {
    self.init(key: key, uid: uid, revision: revision, text: json, versionOffset: 0)
  }

  /// The whole JSON text, ready to be sent.
  public var json: [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count + 20)
    append(to: &output)
    return output
  }

  /// Appends `json`.
  package func append(to output: inout [UInt8]) {
    guard versionOffset > 0 else { return output.append(contentsOf: text) }
    output.append(contentsOf: text[..<versionOffset])
    output.append(contentsOf: String(revision).utf8)
    output.append(contentsOf: text[versionOffset...])
  }

  /// The object, parsed.
  /// - Throws: `JSONParseError` where the text is none that this program wrote.
  public func value() throws(JSONParseError) -> JSONValue {
    let value = try JSONValue(parsingStored: text)
    return versionOffset > 0 ? value.stamped(revision) : value
  }

  /// The object; of one that cannot be read any more (an earlier version took what is nested too deeply) what its row
  /// says.
  package var valueOrMetadata: JSONValue {
    if let value = try? value() { return value }
    return [
      "metadata": [
        "name": .string(key.name), "namespace": .string(key.namespace), "uid": .string(uid),
        "resourceVersion": .string(String(revision)),
      ]
    ]
  }

  /// The object under another revision, such as that of its deletion. One that cannot be read any more is shown by its
  /// metadata.
  func under(_ revision: Int64) -> StoredObject {
    if versionOffset > 0 {
      return StoredObject(key: key, uid: uid, revision: revision, text: text, versionOffset: versionOffset)
    }
    return StoredObject(key: key, uid: uid, revision: revision, json: valueOrMetadata.stamped(revision).serialized())
  }
}

/// The text of an object that is about to be stored.
struct ObjectText: Sendable, Hashable {
  let bytes: [UInt8]
  /// See `StoredObject.versionOffset`.
  let versionOffset: Int

  var string: String { String(decoding: bytes, as: UTF8.self) }

  /// The members in the order of `JSONValue.serialized()`, an empty version among them.
  init(_ object: JSONValue) {
    var output: [UInt8] = []
    output.reserveCapacity(2048)
    var offset = 0
    var members = object.object ?? [:]
    let metadata = members["metadata"]?.object ?? [:]
    members["metadata"] = .object(metadata)
    Self.append(members, to: &output) { name, value, output in
      guard name == "metadata" else { return value.serialize(into: &output) }
      Self.append(metadata.merging(["resourceVersion": ""]) { _, new in new }, to: &output) { name, value, output in
        value.serialize(into: &output)
        // Just before the second quotation mark.
        if name == "resourceVersion" { offset = output.count - 1 }
      }
    }
    bytes = output
    versionOffset = offset
  }

  private static func append(
    _ members: [String: JSONValue], to output: inout [UInt8],
    _ appendValue: (_ name: String, _ value: JSONValue, _ output: inout [UInt8]) -> Void
  ) {
    output.append(UInt8(ascii: "{"))
    for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      JSONValue.string(member.key).serialize(into: &output)
      output.append(UInt8(ascii: ":"))
      appendValue(member.key, member.value, &output)
    }
    output.append(UInt8(ascii: "}"))
  }
}

extension JSONValue {
  var name: String { self["metadata"]?["name"]?.string ?? "" }
  var namespace: String { self["metadata"]?["namespace"]?.string ?? "" }
  var uid: String { self["metadata"]?["uid"]?.string ?? "" }

  /// The object with `metadata.resourceVersion` set.
  func stamped(_ revision: Int64) -> JSONValue {
    var object = self
    var metadata = object["metadata"] ?? [:]
    metadata["resourceVersion"] = .string(String(revision))
    object["metadata"] = metadata
    return object
  }
}
