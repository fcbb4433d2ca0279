import Files
import Glibc

/// The Agent's own folder: opened only where nobody but its user and root decides what lies in it.
///
/// The Agent writes secrets there and removes what it finds. Had somebody else made the folder, or one above it, links in
/// it would lead what it removes wherever that one likes.
struct StateFolder: Sendable {
  let path: String
  private let user: uid_t

  init(path: String, user: uid_t = geteuid()) {
    self.path = path
    self.user = user
  }

  /// Opens the folder, and makes it where it is missing, for its owner only.
  func open() throws(RuntimeFailure) -> Directory {
    do throws(Refusal) {
      return try walk()
    } catch {
      throw RuntimeFailure(
        kind: .transient, reason: error.isDiskFull ? "DiskFull" : "WorkingDirectoryUnusable",
        message: "The Agent's folder \(path) cannot be used: \(error.text)")
    }
  }

  private struct Refusal: Error {
    var text: String
    var isDiskFull = false

    init(_ text: String) { self.text = text }

    init(_ fault: FileFault, _ place: String) {
      text = "\(place): \(fault.text)"
      isDiskFull = fault.isDiskFull
    }
  }

  /// From the root, name by name. Links that belong to root or to this user are followed, as `/var` may be one.
  private func walk() throws(Refusal) -> Directory {
    var directory = try root()
    var place = ""
    var names = path.split(separator: "/").map(String.init)
    var links = 0
    while !names.isEmpty {
      let name = names.removeFirst()
      let above = place
      place += "/\(name)"
      if let status = directory.status(of: name), status.kind == S_IFLNK {
        guard isTrusted(status.st_uid) else {
          throw Refusal("the link \(place) belongs to user \(status.st_uid): remove it, or \(Self.advice)")
        }
        links += 1
        guard links <= 40 else { throw Refusal("\(place) is one of too many links") }
        let target: String
        do throws(FileFault) { target = try directory.linkTarget(of: name) } catch { throw Refusal(error, place) }
        names = target.split(separator: "/").map(String.init) + names
        if target.hasPrefix("/") { directory = try root() }
        place = target.hasPrefix("/") ? "" : above
        continue
      }
      do throws(FileFault) {
        if directory.status(of: name) == nil { try directory.create(name, mode: names.isEmpty ? 0o700 : 0o755) }
        directory = try directory.subdirectory(name)
      } catch {
        throw Refusal(error, place)
      }
      if !names.isEmpty { try check(directory, place) }
    }
    try checkOwn(directory, place)
    return directory
  }

  private func root() throws(Refusal) -> Directory {
    do throws(FileFault) { return try Directory(path: "/") } catch { throw Refusal(error, "/") }
  }

  private func isTrusted(_ owner: uid_t) -> Bool { owner == user || owner == 0 }

  /// A folder above. In a sticky one, as `/tmp`, nobody else can rename what is this user's. How an Agent without root's
  /// rights is kept apart from others is root's decision, as with a volume of a pod.
  private func check(_ directory: borrowing Directory, _ place: String) throws(Refusal) {
    let status = try status(of: directory, place)
    guard isTrusted(status.st_uid) else {
      throw Refusal(
        "\(place) belongs to user \(status.st_uid), who could put another folder in its place: \(Self.advice)")
    }
    let isSticky = status.st_mode & S_ISVTX != 0
    let foreign: mode_t = user == 0 ? S_IWGRP | S_IWOTH : S_IWOTH
    guard status.st_mode & foreign == 0 || isSticky || (user != 0 && status.st_uid == 0) else {
      throw Refusal("\(place) can be written by others: take that right away (chmod go-w), or \(Self.advice)")
    }
  }

  private func checkOwn(_ directory: borrowing Directory, _ place: String) throws(Refusal) {
    let status = try status(of: directory, place)
    guard status.st_uid == user else {
      throw Refusal("\(place) belongs to user \(status.st_uid), and the Agent runs as user \(user): \(Self.advice)")
    }
    guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
      throw Refusal("\(place) could be written by others: see what lies in it, and take that right away (chmod 700)")
    }
    guard status.st_mode & 0o077 != 0 else { return }
    do throws(FileFault) { try directory.setMode(0o700) } catch { throw Refusal(error, place) }
  }

  private func status(of directory: borrowing Directory, _ place: String) throws(Refusal) -> stat {
    do throws(FileFault) { return try directory.status() } catch { throw Refusal(error, place) }
  }

  private static let advice = "name another folder in WRKTALK_AGENT_WORKING_DIR"
}
