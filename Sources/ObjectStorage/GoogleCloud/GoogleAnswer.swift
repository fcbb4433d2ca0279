import HTTPTransport
import WireFormats

/// What Google Cloud Storage says in JSON, which writes large numbers as texts.
enum GoogleAnswer {
  /// That are asked for of each object.
  static let fields = "name,size,generation,md5Hash"

  struct Object: Sendable {
    var name: String
    var size: Int
    /// Changes when the object is replaced.
    var generation: String
    /// In base 64; nil of an object that was composed of others.
    var md5: String?

    init?(_ value: JSONValue) {
      guard let name = value["name"]?.string, let size = value["size"]?.string.flatMap({ Int($0) }), size >= 0 else {
        return nil
      }
      self.name = name
      self.size = size
      generation = value["generation"]?.string ?? ""
      md5 = value["md5Hash"]?.string
    }
  }

  enum Rewrite {
    case done
    case more(token: String)
  }

  static func object(_ body: [UInt8]) -> Object? { json(body).flatMap(Object.init) }

  static func listing(_ body: [UInt8]) -> ObjectListing? {
    guard let root = json(body), root.object != nil else { return nil }
    var objects: [ObjectInfo] = []
    for item in root["items"]?.array ?? [] {
      guard let object = Object(item) else { return nil }
      objects.append(ObjectInfo(key: object.name, size: object.size, etag: object.generation))
    }
    let token = root["nextPageToken"]?.string ?? ""
    return ObjectListing(objects: objects, continuation: token.isEmpty ? nil : token)
  }

  static func rewrite(_ body: [UInt8]) -> Rewrite? {
    guard let root = json(body), let isDone = root["done"]?.bool else { return nil }
    if isDone { return .done }
    // A store that says "there is more" and not where would be asked for ever.
    guard let token = root["rewriteToken"]?.string, !token.isEmpty else { return nil }
    return .more(token: token)
  }

  /// The reason that an error names, as far as it may stand in a message.
  static func reason(_ body: [UInt8]) -> String? {
    StatusMeaning.word(json(body)?["error"]?["errors"]?.array?.first?["reason"]?.string)
  }

  /// Whether an error is about the bucket; only its text says so. What reads an object's bytes answers in plain text.
  static func isAboutBucket(_ body: [UInt8]) -> Bool {
    let message = json(body)?["error"]?["message"]?.string ?? String(decoding: body.prefix(1000), as: UTF8.self)
    return message.lowercased().contains("bucket does not exist")
  }

  private static func json(_ body: [UInt8]) -> JSONValue? {
    try? JSONValue(parsing: body, maximumDepth: 16, maximumNodeCount: 100_000)
  }
}
