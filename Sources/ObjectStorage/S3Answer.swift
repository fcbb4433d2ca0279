/// What an S3 store says in XML.
enum S3Answer {
  /// A longer error document is read only so far.
  static let maximumErrorBytes = 64 << 10

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
    guard let root = XMLParser.parse(body), root.name == "Error", let code = root["Code"]?.text else { return nil }
    // It is shown in messages: only what a code looks like.
    return !code.isEmpty && code.utf8.count <= 64
      && code.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") }
      ? code : nil
  }

  /// Without the quotes that belong to HTTP.
  static func etag(_ text: String) -> String { text.filter { $0 != "\"" } }
}
