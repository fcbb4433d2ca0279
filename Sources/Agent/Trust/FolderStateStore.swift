import Cryptography
import Files
import Glibc
import Synchronization
import Threads

/// Keeps an Agent's documents as files of its working directory, which nobody else can read or write:
///
///     WORKING_DIR/.agent/trust/NAME
///
/// An Agent and its successor may share the folder. Each writing gives it another generation, first of all; who knows an older
/// one reads anew.
public final class FolderStateStore: StateStore {
  private let directory: WorkingDirectory
  /// The generation that this store has read or written.
  private let generation = Mutex<[UInt8]>([])

  private static let generationName = "generation"
  static let maximumByteCount = 8 << 20

  public init(workingDirectory: String) { directory = WorkingDirectory(path: workingDirectory) }

  private var path: String { "\(directory.path)/.agent/trust" }
  public var place: String { "the folder \(path)" }
  public var removal: String { "rm -r \(path)" }

  public func load() async throws(RuntimeFailure) -> [String: [UInt8]] {
    try await onOwnThread { () throws(RuntimeFailure) in try self.read() }
  }

  private func read() throws(RuntimeFailure) -> [String: [UInt8]] {
    let folder = try directory.folder("trust")
    do throws(FileFault) {
      try folder.lock()
      var documents: [String: [UInt8]] = [:]
      for name in try folder.names() {
        // What was not finished was never there.
        if name.hasPrefix(ReplacementFile.prefix) {
          try folder.removeFile(name)
          continue
        }
        documents[name] = try Self.content(of: name, in: folder)
      }
      let known = documents.removeValue(forKey: Self.generationName) ?? []
      generation.withLock { $0 = known }
      return documents
    } catch {
      throw WorkingDirectory.failure(error.number, "read \(path)")
    }
  }

  private static func content(of name: String, in folder: borrowing Directory) throws(FileFault) -> [UInt8] {
    let file = try folder.openFile(name)
    guard file.size <= maximumByteCount else { throw FileFault(EFBIG) }
    var content: [UInt8] = []
    try file.read { (piece) throws(FileFault) in content += piece }
    return content
  }

  public func write(
    _ changes: [(name: String, content: [UInt8]?)], leaving documents: [String: [UInt8]]
  ) async throws(RuntimeFailure) {
    try await onOwnThread { () throws(RuntimeFailure) in
      let folder = try self.directory.folder("trust")
      try self.checkGeneration(folder)
      let next = SecureRandom.bytes(count: 16)
      try self.write(Self.generationName, next)
      self.generation.withLock { $0 = next }
      for change in changes { try self.write(change.name, change.content) }
      // Closing it lets the next one in.
      _ = consume folder
    }
  }

  /// Takes the folder's lock.
  private func checkGeneration(_ folder: borrowing Directory) throws(RuntimeFailure) {
    do throws(FileFault) {
      try folder.lock()
      let found =
        folder.status(of: Self.generationName) == nil ? [] : try Self.content(of: Self.generationName, in: folder)
      if found == generation.withLock({ $0 }) { return }
    } catch {
      throw WorkingDirectory.failure(error.number, "read \(path)")
    }
    throw RuntimeFailure(
      kind: .transient, reason: "StateChanged", message: "\(place) was changed by another Agent: it is read anew")
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
