import Files
import Glibc

/// Keeps an Agent's documents as files of its working directory, which nobody else can read or write:
///
///     WORKING_DIR/.agent/trust/NAME
public struct FolderStateStore: StateStore {
  private let directory: WorkingDirectory

  static let maximumByteCount = 8 << 20

  public init(workingDirectory: String) { directory = WorkingDirectory(path: workingDirectory) }

  private var path: String { "\(directory.path)/.agent/trust" }
  public var place: String { "the folder \(path)" }
  public var removal: String { "rm -r \(path)" }

  public func load() async throws(RuntimeFailure) -> [String: [UInt8]] {
    try await onOwnThread { () -> Result<[String: [UInt8]], RuntimeFailure> in
      do throws(RuntimeFailure) { return .success(try read()) } catch { return .failure(error) }
    }
  }

  private func read() throws(RuntimeFailure) -> [String: [UInt8]] {
    let folder = try directory.folder("trust")
    do throws(FileFault) {
      var documents: [String: [UInt8]] = [:]
      for name in try folder.names() {
        // What was not finished was never there.
        if name.hasPrefix(ReplacementFile.prefix) {
          try folder.removeFile(name)
          continue
        }
        let file = try folder.openFile(name)
        guard file.size <= Self.maximumByteCount else { throw FileFault(EFBIG) }
        var content: [UInt8] = []
        try file.read { (piece) throws(FileFault) in content += piece }
        documents[name] = content
      }
      return documents
    } catch {
      throw WorkingDirectory.failure(error.number, "read \(path)")
    }
  }

  public func write(
    _ changes: [(name: String, content: [UInt8]?)], leaving documents: [String: [UInt8]]
  ) async throws(RuntimeFailure) {
    try await onOwnThread { () -> Result<Void, RuntimeFailure> in
      do throws(RuntimeFailure) {
        for change in changes { try write(change.name, change.content) }
        return .success(())
      } catch {
        return .failure(error)
      }
    }
  }

  private func write(_ name: String, _ content: [UInt8]?) throws(RuntimeFailure) {
    let folder = try directory.folder("trust")
    do throws(FileFault) {
      guard let content else { return try folder.removeFile(name) }
      var file = try ReplacementFile(in: folder, name: name)
      try file.write(content)
      try file.commit()
    } catch {
      throw WorkingDirectory.failure(error.number, "write \(path)/\(name)")
    }
  }
}
