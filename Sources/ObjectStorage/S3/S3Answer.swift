/// What an S3 store says in XML.
enum S3Answer {
  static func listing(_ body: [UInt8]) -> ObjectListing? {
    guard let root = XMLParser.parse(body), root.name == "ListBucketResult" else { return nil }
    var objects: [ObjectInfo] = []
    for content in root.all("Contents") {
      guard let key = content["Key"]?.text, let size = content["Size"].flatMap({ Int($0.text) }) else { return nil }
      objects.append(ObjectInfo(key: key, size: size, etag: etag(content["ETag"]?.text ?? "")))
    }
    let isTruncated = root["IsTruncated"]?.text == "true"
    let token = root["NextContinuationToken"]?.text
    // A store that says "there is more" and not where would be asked for ever.
    if isTruncated, token == nil || token == "" { return nil }
    return ObjectListing(objects: objects, continuation: isTruncated ? token : nil)
  }

  static func errorCode(_ body: [UInt8]) -> String? {
    guard let root = XMLParser.parse(body) else { return nil }
    // The token service wraps it.
    let error = root.name == "ErrorResponse" ? root["Error"] : root
    return error?.name == "Error" ? StatusMeaning.word(error?["Code"]?.text) : nil
  }

  static func uploadID(_ body: [UInt8]) -> String? {
    guard let root = XMLParser.parse(body), root.name == "InitiateMultipartUploadResult",
      let id = root["UploadId"]?.text, !id.isEmpty, id.utf8.count <= 2048
    else { return nil }
    return id
  }

  /// Whether the store says that what takes long was done: also under the status 200 it may say that it failed.
  static func isDone(_ body: [UInt8], _ name: String) -> Bool { XMLParser.parse(body)?.name == name }

  /// As the text of an element.
  static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
  }

  /// Without the quotes that belong to HTTP.
  static func etag(_ text: String) -> String { text.filter { $0 != "\"" } }
}
