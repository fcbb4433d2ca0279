import Glibc
import Threads

/// Runs the jobs of one actor on a thread of its own, so that a blocking C call there holds up nobody else.
///
/// `@unchecked Sendable`: `jobs` and `isStopped` are touched only with `mutex` held; the pointers never change.
final class ThreadExecutor: SerialExecutor, @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var jobs: [UnownedJob] = []
  private var isStopped = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(condition)
    mutex.deallocate()
    condition.deallocate()
  }

  /// Starts the thread, which keeps the executor alive until `stop()`.
  /// - Throws: `DatabaseError` where the system gives no thread.
  func start() throws(DatabaseError) {
    try startThread { self.run() }
  }

  /// Ends the thread once the jobs that are queued have run.
  func stop() {
    locked {
      isStopped = true
      pthread_cond_signal(condition)
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    // Signalled under the lock: the job may be what ends this executor, which is gone then.
    locked {
      jobs.append(job)
      pthread_cond_signal(condition)
    }
  }

  private func run() {
    while let batch = nextBatch() {
      for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }
  }

  /// Waits for jobs; nil once stopped and drained.
  private func nextBatch() -> [UnownedJob]? {
    locked {
      while jobs.isEmpty {
        if isStopped { return nil }
        pthread_cond_wait(condition, mutex)
      }
      let batch = jobs
      jobs.removeAll(keepingCapacity: true)
      return batch
    }
  }

  private func locked<Value>(_ body: () -> Value) -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}

/// As `Threads.startThread`.
/// - Throws: `DatabaseError` where the system gives no thread.
func startThread(_ body: @escaping @Sendable () -> Void) throws(DatabaseError) {
  do throws(ThreadError) {
    try Threads.startThread(body)
  } catch {
    throw DatabaseError(
      code: .other, message: "no thread for a database connection: \(String(cString: strerror(error.code)))")
  }
}
