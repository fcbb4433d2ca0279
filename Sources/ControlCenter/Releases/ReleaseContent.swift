import FleetKinds
import FleetPlanning
import FleetProtocol
import ResourceModel
import WireFormats

/// What CI says of a release, and what cannot change once it is published.
struct ReleaseContent: Sendable, Hashable {
  var releaseNotes: String?
  var imageTags = ReleaseOffer.ImageTags()
  var isForced = false
  var isMigrationRequired = false
  var estimatedDowntime: String?
  var minCurrentVersion: String?
  var newNonEssentialEnvs: [ReleaseOffer.Setting] = []
  /// The vendor's signed release manifest, as it came.
  var manifest: String?

  var settingsJSON: JSONValue {
    .array(newNonEssentialEnvs.map { ["key": .string($0.key), "value": .string($0.value)] })
  }
}

/// The body of `POST /api/internal/releases` (spec §14.1).
struct ReleaseRequest: Sendable, Hashable {
  var version: ReleaseVersion
  var content: ReleaseContent

  /// Texts may be written longer in JSON than they are.
  static let maximumBodyBytes = 4 << 20

  /// - Throws: `badRequest` for what is not a JSON object, and `invalid` naming every field at fault.
  init(_ body: JSONValue) throws(StatusError) {
    var reader = try RequestReader(body)
    let version = reader.version("version")
    guard version != nil || reader.isAtFault else { throw StatusError(.invalid, "version: is missing") }
    var content = ReleaseContent()
    content.releaseNotes = reader.text("releaseNotes", maximumBytes: ReleaseKind.maximumReleaseNotesByteCount)
    content.imageTags = Self.imageTags(&reader)
    content.isForced = reader.flag("isForced")
    content.isMigrationRequired = reader.flag("isMigrationRequired")
    content.estimatedDowntime = reader.text("estimatedDowntime", maximumBytes: 256)
    let minimum = reader.version("minCurrentVersion")
    content.minCurrentVersion = minimum?.text
    if let minimum, let version, minimum >= version {
      reader.refuse("minCurrentVersion", "must be below the version \(version), or nobody could take it")
    }
    content.newNonEssentialEnvs = Self.settings(&reader)
    content.manifest = reader.text("manifest", maximumBytes: ReleaseKind.maximumManifestByteCount)
    try reader.finish()
    guard let version else { throw StatusError(.invalid, "version: is missing") }
    self.version = version
    self.content = content
    try requireObject()
  }

  /// What CI makes is an object as any other: what would not be taken as one is not taken here.
  private func requireObject() throws(StatusError) {
    var spec: JSONValue = ["newNonEssentialEnvs": content.settingsJSON]
    spec["releaseNotes"] = content.releaseNotes.map { .string($0) }
    spec["estimatedDowntime"] = content.estimatedDowntime.map { .string($0) }
    spec["minCurrentVersion"] = content.minCurrentVersion.map { .string($0) }
    spec["manifest"] = content.manifest.map { .string($0) }
    let tags = content.imageTags
    spec["imageTags"] = [
      "backend": .string(tags.backend), "media": .string(tags.media), "controlTower": .string(tags.controlTower),
      "agent": .string(tags.agent),
    ]
    let object: JSONValue = ["metadata": ["name": .string(version.text)], "spec": spec]
    let faults = ReleaseKind.definition.validationErrors(in: object).map { fault in
      var fault = fault
      if fault.field.hasPrefix("spec.") { fault.field = String(fault.field.dropFirst(5)) }
      return fault
    }
    guard faults.isEmpty else {
      throw StatusError(.invalid, faults.map { "\($0.field): \($0.message)" }.joined(separator: "; "), causes: faults)
    }
    // Digests, labels and what else is kept with it need room, too.
    let most = ReleaseKind.definition.limits.objectBytes - (64 << 10)
    guard object.serialized().count <= most else {
      throw StatusError(.requestEntityTooLarge, "the release is too large: it may have \(most) bytes as JSON")
    }
  }

  private static func imageTags(_ reader: inout RequestReader) -> ReleaseOffer.ImageTags {
    var tags = ReleaseOffer.ImageTags()
    reader.object("imageTags") { reader in
      tags.backend = reader.tag("backend")
      tags.media = reader.tag("media")
      tags.controlTower = reader.tag("controlTower")
      tags.agent = reader.tag("agent")
    }
    return tags
  }

  private static func settings(_ reader: inout RequestReader) -> [ReleaseOffer.Setting] {
    var settings: [ReleaseOffer.Setting] = []
    var keys: Set<String> = []
    reader.objects("newNonEssentialEnvs", maximumCount: ReleaseKind.maximumSettingCount) { reader in
      let key = reader.text("key", maximumBytes: 256) ?? ""
      let isName = key.utf8.enumerated().allSatisfy { index, byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
        default: false
        }
      }
      if key.isEmpty || !isName {
        reader.refuse("key", "must be the name of an environment variable: letters, digits and underscores")
      }
      if !keys.insert(key).inserted { reader.refuse("key", "\(key) stands twice") }
      settings.append(
        .init(key: key, value: reader.text("value", maximumBytes: ReleaseKind.maximumSettingByteCount) ?? ""))
    }
    return settings
  }
}

/// Reads the fields of a body and collects what is wrong with them. Unknown fields are refused: a misspelt `isForced`
/// would be found at the customers.
private struct RequestReader {
  private let members: [String: JSONValue]
  private let path: String
  private var known: Set<String> = []
  private(set) var faults: [FieldError] = []

  init(_ body: JSONValue) throws(StatusError) {
    guard let members = body.object else {
      throw StatusError(.badRequest, "the body must be a JSON object, not \(body.typeName)")
    }
    self.init(members, path: "")
  }

  private init(_ members: [String: JSONValue], path: String) {
    self.members = members
    self.path = path
  }

  var isAtFault: Bool { !faults.isEmpty }

  mutating func refuse(_ name: String, _ message: String, _ reason: FieldError.Reason = .invalid) {
    guard faults.count < 20 else { return }
    faults.append(FieldError(field: path + name, reason: reason, message: message))
  }

  /// Nil where it is absent or null.
  private mutating func value(_ name: String) -> JSONValue? {
    known.insert(name)
    // A literal nil would be JSON's null.
    guard let value = members[name], !value.isNull else { return .none }
    return value
  }

  mutating func text(_ name: String, maximumBytes: Int) -> String? {
    guard let value = value(name) else { return nil }
    guard let text = value.string else {
      refuse(name, "must be text, not \(value.typeName)")
      return nil
    }
    guard text.utf8.count <= maximumBytes else {
      refuse(name, "must be at most \(maximumBytes) bytes")
      return nil
    }
    guard !text.utf8.contains(0) else {
      refuse(name, "must not hold the character NUL")
      return nil
    }
    return text
  }

  mutating func flag(_ name: String) -> Bool {
    guard let value = value(name) else { return false }
    guard let flag = value.bool else {
      refuse(name, "must be true or false, not \(value.typeName)")
      return false
    }
    return flag
  }

  mutating func version(_ name: String) -> ReleaseVersion? {
    guard let text = text(name, maximumBytes: 1024) else { return nil }
    do throws(ReleaseVersion.Refusal) {
      return try ReleaseVersion(text)
    } catch {
      refuse(name, "\(error)")
      return nil
    }
  }

  /// A tag of an image; empty where the release does not say.
  mutating func tag(_ name: String) -> String {
    let tag = text(name, maximumBytes: 1024) ?? ""
    let isTag = tag.utf8.enumerated().allSatisfy { index, byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): true
      case UInt8(ascii: "."), UInt8(ascii: "-"): index > 0
      default: false
      }
    }
    if !isTag || tag.utf8.count > 128 {
      let hint = tag.contains("${") ? ": a shell expands no variable in single quotes" : ""
      refuse(name, "must be the tag of an image, such as sha-abc123, not \"\(ReleaseVersion.shown(tag))\"\(hint)")
    }
    return tag
  }

  mutating func object(_ name: String, _ read: (inout RequestReader) -> Void) {
    guard let value = value(name) else { return }
    guard let members = value.object else { return refuse(name, "must be an object, not \(value.typeName)") }
    readMembers(members, "\(path)\(name).", read)
  }

  mutating func objects(_ name: String, maximumCount: Int, _ read: (inout RequestReader) -> Void) {
    guard let value = value(name) else { return }
    guard let elements = value.array else { return refuse(name, "must be an array, not \(value.typeName)") }
    guard elements.count <= maximumCount else { return refuse(name, "must have at most \(maximumCount) elements") }
    for (index, element) in elements.enumerated() {
      guard let members = element.object else {
        refuse("\(name)[\(index)]", "must be an object, not \(element.typeName)")
        continue
      }
      readMembers(members, "\(path)\(name)[\(index)].", read)
    }
  }

  private mutating func readMembers(
    _ members: [String: JSONValue], _ path: String, _ read: (inout RequestReader) -> Void
  ) {
    var reader = RequestReader(members, path: path)
    read(&reader)
    reader.refuseUnknown()
    faults += reader.faults
  }

  private mutating func refuseUnknown() {
    for name in members.keys.sorted() where !known.contains(name) {
      refuse(
        ReleaseVersion.shown(name),
        "is not a field of a release; the fields are \(known.sorted().joined(separator: ", "))", .unknown)
    }
  }

  mutating func finish() throws(StatusError) {
    refuseUnknown()
    guard !faults.isEmpty else { return }
    throw StatusError(
      .invalid, faults.map { "\($0.field): \($0.message)" }.joined(separator: "; "), causes: faults)
  }
}
