import Glibc
import Synchronization
import TestSupport
import Testing
import Threads

struct OwnThreadTests {
  @Test func workRunsOnAnotherThread() async {
    let own = await onOwnThread { pthread_self() }
    let other = await onOwnThread { pthread_self() }
    // Threads that have ended may be followed by others under the same name; the one that asks goes on.
    #expect(own != pthread_self() || other != pthread_self())
  }

  @Test func whatTheWorkThrowsKeepsItsType() async {
    struct Refused: Error, Equatable { var number: Int }
    await #expect(throws: Refused(number: 7)) {
      try await onOwnThread { () throws(Refused) in throw Refused(number: 7) }
    }
  }

  private final class Meeting: Sendable {
    private let arrived = Mutex(0)

    func arriveAndWait(for count: Int) {
      arrived.withLock { $0 += 1 }
      while arrived.withLock({ $0 }) < count { usleep(100) }
    }
  }

  @Test func workThatBlocksHoldsUpNoTask() async {
    // More than the machine has processors: on the threads of the tasks they would wait for each other for ever.
    let meeting = Meeting()
    await withDiscardingTaskGroup { group in
      for _ in 0..<64 {
        group.addTask { await onOwnThread { meeting.arriveAndWait(for: 64) } }
      }
    }
  }

  @Test func workSeesThatItsTaskWasCancelled() async {
    let (begun, begin) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      await onOwnThread { cancellation in
        begin.finish()
        while !cancellation.isCancelled { usleep(100) }
        return "seen"
      }
    }
    for await _ in begun {}
    task.cancel()
    #expect(await task.value == "seen")
  }

  @Test func workOfATaskThatIsCancelledAlreadyRunsAndSeesIt() async {
    let task = Task {
      unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() }
      return await onOwnThread { cancellation in cancellation.isCancelled }
    }
    #expect(await task.value)
  }

  @Test func aThreadThatIsStartedRunsItsBody() async throws {
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    try startThread { end.finish() }
    for await _ in ends {}
  }
}
