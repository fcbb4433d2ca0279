import CLibCurl
import Glibc

/// Tells a thread that sleeps in `EventPoll.wait` that there is something to do; from any thread.
final class WakeUp: Sendable {
  fileprivate let descriptor: Int32

  /// Nil where the process has no descriptor left.
  init?() {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard descriptor >= 0 else { return nil }
  }

  deinit { close(descriptor) }

  /// Ends the wait that goes on now, or else the next one.
  func signal() {
    var one: UInt64 = 1
    // It can fail only where 2^64 - 2 signals are pending, and then the wait ends anyway.
    _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
  }

  fileprivate func clear() {
    var count: UInt64 = 0
    _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
  }
}

/// The sockets whose readiness a thread waits for: epoll, with libcurl's words for what is waited for. Used by one thread.
final class EventPoll {
  private let descriptor: Int32
  private let wakeUp: WakeUp
  private let events: UnsafeMutableBufferPointer<epoll_event>

  /// Nil where the process has no descriptor left.
  init?(wakeUp: WakeUp) {
    self.wakeUp = wakeUp
    events = .allocate(capacity: 256)
    events.initialize(repeating: epoll_event())
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data(fd: wakeUp.descriptor))
    guard descriptor >= 0, epoll_ctl(descriptor, EPOLL_CTL_ADD, wakeUp.descriptor, &event) == 0 else { return nil }
  }

  deinit {
    close(descriptor)
    events.deallocate()
  }

  /// Waits for a socket from now on.
  /// - Parameter what: `CURL_POLL_IN`, `CURL_POLL_OUT` or both; anything else forgets the socket.
  /// - Returns: false where the kernel has no memory for it.
  func watch(_ socket: Int32, for what: Int32) -> Bool {
    var event = epoll_event(events: 0, data: epoll_data(fd: socket))
    if what & CURL_POLL_IN != 0 { event.events |= EPOLLIN.rawValue }
    if what & CURL_POLL_OUT != 0 { event.events |= EPOLLOUT.rawValue }
    guard what == CURL_POLL_IN || what == CURL_POLL_OUT || what == CURL_POLL_INOUT else {
      // The kernel has forgotten it where it is closed already.
      _ = epoll_ctl(descriptor, EPOLL_CTL_DEL, socket, &event)
      return true
    }
    if epoll_ctl(descriptor, EPOLL_CTL_MOD, socket, &event) == 0 { return true }
    return errno == ENOENT && epoll_ctl(descriptor, EPOLL_CTL_ADD, socket, &event) == 0
  }

  /// Sleeps until a socket is ready, the wake-up is signalled or the time has come, whichever is first.
  ///
  /// The signal is cleared before this returns, never after: whoever looks for something to do after each wait finds what
  /// was left before the signal, and what is left later signals again.
  /// - Parameter ready: is given each socket that is ready, and how: a mask of `CURL_CSELECT_IN` and `CURL_CSELECT_OUT`,
  ///   or 0 where libcurl is to look for itself.
  func wait(until deadline: ContinuousClock.Instant?, ready: (_ socket: Int32, _ how: Int32) -> Void) {
    let count = epoll_wait(descriptor, events.baseAddress, Int32(events.count), Self.milliseconds(until: deadline))
    guard count > 0 else { return }
    for event in events[..<Int(count)] {
      if event.data.fd == wakeUp.descriptor {
        wakeUp.clear()
        continue
      }
      var how: Int32 = 0
      if event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) == 0 {
        if event.events & EPOLLIN.rawValue != 0 { how |= CURL_CSELECT_IN }
        if event.events & EPOLLOUT.rawValue != 0 { how |= CURL_CSELECT_OUT }
      }
      ready(event.data.fd, how)
    }
  }

  /// Rounded up: whoever wakes too early finds nothing due and would ask again at once.
  private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
    guard let deadline else { return -1 }
    let sleep = min(deadline - .now, .seconds(3600))
    return Int32((max(sleep, .zero) / .milliseconds(1)).rounded(.up))
  }
}
