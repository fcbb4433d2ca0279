import Glibc

/// Lets a test tell a server's thread when to go on: each `open()` lets one `wait()` through.
public final class BlockingGate: Sendable {
  private let readEnd: Int32
  private let writeEnd: Int32

  public init() {
    var ends: [Int32] = [0, 0]
    unsafe pipe(&ends)
    (readEnd, writeEnd) = (ends[0], ends[1])
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  public func open() {
    var byte: UInt8 = 1
    _ = unsafe write(writeEnd, &byte, 1)
  }

  public func wait() {
    var byte: UInt8 = 0
    _ = unsafe read(readEnd, &byte, 1)
  }
}
