import Archives
import WireFormats

/// What goes into a support bundle: masked and bounded as it comes in, and a word on what could not be had.
struct SupportBundle {
  struct Limits: Sendable, Hashable {
    /// Of one file; of logs and other texts the end is kept, where they say what went wrong.
    var fileBytes = 4 << 20
    /// Of all files.
    var bytes = 48 << 20
    var files = 500
  }

  let limits: Limits
  private let mask: SupportMask
  private(set) var files: [ArchivePacker.File] = []
  private(set) var problems: [String] = []
  private var bytes = 0

  init(mask: SupportMask, limits: Limits = Limits()) {
    self.mask = mask
    self.limits = limits
  }

  mutating func add(_ name: String, json: JSONValue) {
    add(name, String(decoding: mask.masked(json).serialized(indented: true), as: UTF8.self) + "\n", isMasked: true)
  }

  mutating func add(_ name: String, text: String) { add(name, text, isMasked: false) }

  mutating func miss(_ what: String, _ reason: String) {
    guard problems.count < limits.files else { return }
    problems.append(mask.masked(String("\(what): \(reason)".prefix(2_000))))
  }

  /// - Parameter isMasked: whether what has to be taken out of it is out already.
  private mutating func add(_ name: String, _ text: String, isMasked: Bool) {
    let whole = text.utf8.count
    // Of what is longer only the end is looked at; a line that is cut there goes.
    let isCut = whole > 2 * limits.fileBytes
    let end = isCut ? text.utf8.suffix(2 * limits.fileBytes).drop { $0 != UInt8(ascii: "\n") } : text.utf8[...]
    let looked = isCut ? String(decoding: end, as: UTF8.self) : text
    var content = Array((isMasked ? looked : mask.masked(looked)).utf8)
    if isCut || content.count > limits.fileBytes {
      miss(name, "only the last \(limits.fileBytes >> 20) of \(whole >> 20) MiB are here")
      content = Array(content.suffix(limits.fileBytes))
    }
    guard bytes + content.count <= limits.bytes, files.count < limits.files else {
      return miss(name, "left out: the bundle is full")
    }
    bytes += content.count
    files.append(ArchivePacker.File(path: name, content: content))
  }

  /// - Parameter folder: that all files lie in.
  /// - Throws: `ArchiveError`.
  func packed(folder: String, at now: Timestamp) throws(ArchiveError) -> [UInt8] {
    let list = problems.isEmpty ? "Nothing is missing.\n" : problems.map { "- \($0)\n" }.joined()
    let readme = """
      A WrkTalk support bundle, made at \(now.wholeSeconds). Secrets are replaced by \(SupportMask.replacement): tokens, passwords, \
      values of .env files, keys. Words and small numbers that say nothing secret by their names stay, as do the addresses of those who \
      get notices. Look through it before you pass it on.

      What could not be had, or not as a whole:
      \(list)
      """
    let all = [ArchivePacker.File(path: "README.txt", content: Array(readme.utf8))] + files
    return try ArchivePacker.pack(
      all.map { ArchivePacker.File(path: "\(folder)/\($0.path)", content: $0.content) },
      modifiedAt: now.microseconds / 1_000_000)
  }
}
