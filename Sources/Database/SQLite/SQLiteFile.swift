import Glibc

/// What is done to a database's files beside SQLite.
///
/// POSIX locks belong to a process and a file, not to a descriptor: whoever closes *any* descriptor of the database file
/// drops every lock that SQLite holds on it in this process. Another process then takes itself for the last one and removes
/// the WAL under this one. So the file is never opened here once it exists.
enum SQLiteFile {
  /// Makes the file, readable by its owner only, unless it is there: SQLite would make it readable by everybody. Its WAL
  /// and index files get the same mode as the file.
  static func create(_ path: String) throws(DatabaseError) {
    let descriptor = Glibc.open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
    if descriptor >= 0 {
      Glibc.close(descriptor)
    } else if errno != EEXIST {
      throw failure("cannot create the SQLite file \(path)", errno)
    }
  }

  /// The file itself, whatever links lead to it: locks and the WAL are kept under its name.
  static func resolved(_ path: String) throws(DatabaseError) -> String {
    var status = stat()
    guard stat(path, &status) == 0, let resolved = realpath(path, nil) else {
      throw failure("cannot open the SQLite file \(path)", errno)
    }
    defer { free(resolved) }
    guard status.st_nlink <= 1 else {
      throw DatabaseError(
        code: .cannotConnect,
        message: "the SQLite file \(path) has a second name (a hard link), under which another program might use it "
          + "unseen: remove one of them")
    }
    return String(cString: resolved)
  }

  fileprivate static func failure(_ what: String, _ number: Int32) -> DatabaseError {
    DatabaseError(
      code: number == ENOSPC ? .diskFull : .cannotConnect, message: "\(what): \(String(cString: strerror(number)))")
  }
}

/// Held by the one process that serves a SQLite file, on a file beside it (`PATH-server`), until it is released or the
/// process ends, however that comes about. Other programs may use the database meanwhile.
struct SQLiteServerLock: ~Copyable {
  private let descriptor: Int32

  /// - Throws: `DatabaseError` `cannotConnect` where another process holds it.
  init(database path: String) throws(DatabaseError) {
    let name = "\(path)-server"
    let descriptor = Glibc.open(name, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw SQLiteFile.failure("cannot open the lock file \(name)", errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let number = errno
      let holder = Self.holder(descriptor)
      Glibc.close(descriptor)
      guard number == EWOULDBLOCK else { throw SQLiteFile.failure("cannot lock \(name)", number) }
      throw DatabaseError(
        code: .cannotConnect,
        message: """
          another server\(holder) uses the SQLite file \(path), and only one at a time can: stop that one, or give both a \
          PostgreSQL database
          """)
    }
    self.descriptor = descriptor
    // Only for the message above; the lock holds without it.
    let text = "\(getpid())\n"
    _ = ftruncate(descriptor, 0)
    _ = text.utf8CString.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, text.utf8.count, 0) }
  }

  deinit { Glibc.close(descriptor) }

  private static func holder(_ descriptor: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 20)
    let count = pread(descriptor, &buffer, buffer.count, 0)
    let digits = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).prefix { $0.isNumber }
    return digits.isEmpty ? "" : " (process \(digits))"
  }
}
