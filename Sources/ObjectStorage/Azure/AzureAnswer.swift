import HTTPTransport

/// What Azure's blob service says, in XML and in headers.
enum AzureAnswer {
  static func listing(_ body: [UInt8]) -> ObjectListing? {
    guard let root = XMLParser.parse(body), root.name == "EnumerationResults", let blobs = root["Blobs"] else {
      return nil
    }
    var objects: [ObjectInfo] = []
    for blob in blobs.all("Blob") {
      let properties = blob["Properties"]
      // Accounts with folders list these too.
      if properties?["ResourceType"]?.text == "directory" { continue }
      guard let key = blob["Name"]?.text, let size = properties?["Content-Length"].flatMap({ Int($0.text) }) else {
        return nil
      }
      objects.append(ObjectInfo(key: key, size: size, etag: S3Answer.etag(properties?["Etag"]?.text ?? "")))
    }
    let marker = root["NextMarker"]?.text ?? ""
    return ObjectListing(objects: objects, continuation: marker.isEmpty ? nil : marker)
  }

  static func errorCode(_ response: HTTPResponse) -> String? {
    if let code = StatusMeaning.word(response.headers["x-ms-error-code"]) { return code }
    guard !response.isSuccess, let root = XMLParser.parse(response.body), root.name == "Error" else { return nil }
    return StatusMeaning.word(root["Code"]?.text)
  }
}
