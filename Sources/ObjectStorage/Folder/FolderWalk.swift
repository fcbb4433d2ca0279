import Files

/// Lists the files below a folder in the order of their keys, and no more of them than are asked for.
struct FolderWalk {
  private let prefix: String
  private let after: String?
  private let limit: Int
  private(set) var objects: [ObjectInfo] = []
  private var isCutOff = false

  init(prefix: String, after: String?, limit: Int) {
    self.prefix = prefix
    self.after = after
    self.limit = limit
  }

  var listing: ObjectListing {
    ObjectListing(objects: objects, continuation: isCutOff ? objects.last?.key : nil)
  }

  /// - Parameter path: of the folder below the bucket, empty or with a slash at its end.
  mutating func visit(_ folder: borrowing Directory, path: String = "", depth: Int = 0) throws(FileFault) {
    // With its slash a folder sorts as its files' keys do: "a.txt" comes before "a/b".
    let entries = try folder.entries().map { (key: path + $0.name + ($0.isDirectory ? "/" : ""), entry: $0) }
    for (key, entry) in entries.sorted(by: { precedes($0.key, $1.key) }) {
      guard !isCutOff else { return }
      if entry.isDirectory {
        guard depth < FileBucket.maximumDepth, mayHold(key) else { continue }
        do throws(FileFault) {
          try visit(folder.subdirectory(entry.name), path: key, depth: depth + 1)
        } catch  where error.isNotFound {
          // Removed meanwhile.
        }
      } else if begins(key, with: prefix), after.map({ precedes($0, key) }) ?? true,
        !entry.name.hasPrefix(ReplacementFile.prefix)
      {
        guard objects.count < limit else {
          isCutOff = true
          return
        }
        do throws(FileFault) {
          let file = try folder.openFile(entry.name)
          objects.append(ObjectInfo(key: key, size: file.size, etag: file.etag))
        } catch  where error.isNotFound {
          // Removed meanwhile.
        }
      }
    }
  }

  /// Whether any key that begins with `folder` may belong to the answer.
  private func mayHold(_ folder: String) -> Bool {
    guard begins(folder, with: prefix) || begins(prefix, with: folder) else { return false }
    guard let after else { return true }
    return begins(after, with: folder) || precedes(after, folder)
  }

  // By bytes: two texts that only look alike are two keys.
  private func begins(_ key: String, with prefix: String) -> Bool { key.utf8.starts(with: prefix.utf8) }

  private func precedes(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }
}
