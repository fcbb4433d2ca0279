import CLibCurl
import Glibc
import Testing

@testable import CurlTransfers

struct EventPollTests {
  /// A poll, and what its waits found.
  private final class Poll {
    let wakeUp: WakeUp
    let poll: EventPoll

    init() throws {
      wakeUp = try #require(WakeUp())
      poll = try #require(EventPoll(wakeUp: wakeUp))
    }

    /// - Parameter isBlocking: false to look without waiting.
    func wait(isBlocking: Bool = true) -> [Int32: Int32] {
      var found: [Int32: Int32] = [:]
      poll.wait(until: isBlocking ? nil : .now) { found[$0] = $1 }
      return found
    }
  }

  /// Had one got lost, the test would not end.
  @Test(.timeLimit(.minutes(1)))
  func aSignalEndsTheWaitThatGoesOnOrTheNextOne() throws {
    let poll = try Poll()
    poll.wakeUp.signal()
    #expect(poll.wait().isEmpty)
    // Between the end of a wait and the look for work.
    poll.wakeUp.signal()
    poll.wakeUp.signal()
    #expect(poll.wait().isEmpty)
  }

  @Test func socketsAreWaitedForAsLongAsTheyAreWatched() throws {
    let poll = try Poll()
    var ends: [Int32] = [0, 0]
    try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    #expect(poll.poll.watch(ends[0], for: CURL_POLL_IN))
    #expect(poll.wait(isBlocking: false).isEmpty)
    #expect(poll.poll.watch(ends[0], for: CURL_POLL_INOUT))
    #expect(poll.wait() == [ends[0]: CURL_CSELECT_OUT])
    #expect(unsafe write(ends[1], "x", 1) == 1)
    #expect(poll.wait() == [ends[0]: CURL_CSELECT_IN | CURL_CSELECT_OUT])
    #expect(poll.poll.watch(ends[0], for: CURL_POLL_REMOVE))
    #expect(poll.poll.watch(ends[0], for: CURL_POLL_REMOVE))
    #expect(poll.wait(isBlocking: false).isEmpty)
    #expect(poll.poll.watch(ends[0], for: CURL_POLL_IN))
    #expect(poll.wait() == [ends[0]: CURL_CSELECT_IN])
  }

  @Test func aSocketThatWasClosedAndMadeAgainIsWatchedAgain() throws {
    let poll = try Poll()
    for _ in 0..<2 {
      var ends: [Int32] = [0, 0]
      try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
      #expect(poll.poll.watch(ends[0], for: CURL_POLL_OUT))
      #expect(poll.wait() == [ends[0]: CURL_CSELECT_OUT])
      for end in ends { close(end) }
    }
  }

  @Test func aSocketWhosePeerIsGoneIsForLibcurlToLookAt() throws {
    let poll = try Poll()
    var ends: [Int32] = [0, 0]
    try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    #expect(poll.poll.watch(ends[0], for: CURL_POLL_IN))
    close(ends[1])
    #expect(poll.wait() == [ends[0]: 0])
    close(ends[0])
  }
}
