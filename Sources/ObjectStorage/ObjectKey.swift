/// The rules for keys, the same for every kind of bucket, so that what one stores the others can store too.
enum ObjectKey {
  static let maximumBytes = 1024

  static func check(_ key: String, bucket: String) throws(ObjectStorageError) {
    guard let fault = fault(of: key) else { return }
    // A hostile key is shown cut short and without its control characters.
    let shown = String(key.unicodeScalars.prefix(100).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
    throw ObjectStorageError(code: .invalidKey, bucket: bucket, key: shown, detail: "the key \(fault)")
  }

  static func fault(of key: String) -> String? {
    if key.isEmpty { return "is empty" }
    if key.utf8.count > maximumBytes { return "has more than \(maximumBytes) bytes" }
    if key.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
      return "contains a control character"
    }
    if key.hasPrefix("/") { return "begins with a slash; it must be relative" }
    for part in key.split(separator: "/", omittingEmptySubsequences: false) {
      if part.isEmpty { return "has an empty part (a slash at its end or two in a row)" }
      if part == "." || part == ".." { return "has the part \"\(part)\"" }
    }
    return nil
  }
}
