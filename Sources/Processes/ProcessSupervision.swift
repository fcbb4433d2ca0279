import Subprocess
import SystemPackage

/// One run of a program: reads what it writes, and ends it with everything it started when told to stop.
struct ProcessSupervision: Sendable {
  enum StopCause: Sendable {
    case timedOut
    case cancelled
  }

  private typealias ProcessExecution = Execution<FileDescriptorInput, SequenceOutput, SequenceOutput>

  private let terminationGrace: Duration
  private let outputLimit: Int
  private let onOutputLine: (@Sendable (OutputLine) -> Void)?
  private let stops: AsyncStream<StopCause>
  private let stopSource: AsyncStream<StopCause>.Continuation

  init(terminationGrace: Duration, outputLimit: Int, onOutputLine: (@Sendable (OutputLine) -> Void)?) {
    self.terminationGrace = terminationGrace
    self.outputLimit = outputLimit
    self.onOutputLine = onOutputLine
    (stops, stopSource) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
  }

  /// Ends the process soon; the first cause counts. Nothing when it has ended.
  func stop(_ cause: StopCause) { stopSource.yield(cause) }

  /// - Parameter standardInput: Stays open here; nil for an empty one.
  /// - Returns: What the process left, and why it was stopped if it was.
  func run(
    _ configuration: Configuration, standardInput: FileDescriptor?
  ) async throws -> (ProcessResult, StopCause?) {
    let input = try unsafe standardInput ?? FileDescriptor.open("/dev/null", .readOnly, options: .closeOnExec)
    let outcome = try await Subprocess.run(
      configuration, input: .fileDescriptor(input, closeAfterSpawningProcess: standardInput == nil), output: .sequence,
      error: .sequence
    ) { execution in
      let stopping = Task { await end(execution) }
      async let standardError = read(execution.standardError, as: .standardError)
      let standardOutput = await read(execution.standardOutput, as: .standardOutput)
      let captured = await (standardOutput, standardError)
      // The process may have closed its output and go on. Signal 0 does nothing: this is only the wait for its end.
      await execution.teardown(
        using: [.send(signal: Signal(rawValue: 0), allowedDurationToNextStep: .seconds(1_000_000_000))])
      stopSource.finish()
      let cause = await stopping.value
      // What it left in its group ends with it. Not reaped yet, its number cannot be another group's.
      try? execution.send(signal: .kill, toProcessGroup: true)
      return (captured.0, captured.1, cause)
    }
    let (standardOutput, standardError, cause) = outcome.closureResult
    let status: ExitStatus =
      switch outcome.terminationStatus {
      case .exited(let code): .exited(code: code)
      case .signaled(let signal): .killed(signal: signal)
      }
    return (ProcessResult(status: status, standardOutput: standardOutput, standardError: standardError), cause)
  }

  /// Waits for a cause to stop, then ends the process; nil when it ended by itself.
  private func end(_ execution: ProcessExecution) async -> StopCause? {
    for await cause in stops {
      await execution.teardown(
        using: [
          .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: terminationGrace)
        ])
      return cause
    }
    return nil
  }

  /// Reads to the end of the stream, or to the end of the process if something it left behind keeps the stream open.
  private func read(_ output: SubprocessOutputSequence, as stream: OutputLine.Stream) async -> CapturedOutput {
    var collector = OutputCollector(limit: outputLimit)
    do {
      for try await buffer in output {
        let lines = collector.append(unsafe buffer.withUnsafeBytes { unsafe Array($0) })
        for line in lines { onOutputLine?(OutputLine(stream: stream, text: line)) }
      }
    } catch {
      // A stream that breaks ends: the exit status tells whether the program did its work.
    }
    if let line = collector.finish() { onOutputLine?(OutputLine(stream: stream, text: line)) }
    return collector.captured
  }
}
