import Processes
import Synchronization
import TestSupport
import Testing

@Suite struct ChildProcessTests {
  private let environment = ["PATH": "/usr/bin:/bin"]

  private func shell(_ script: String) async throws -> ProcessResult {
    try await ChildProcess.run(executable: "sh", arguments: ["-c", script], environment: environment)
  }

  @Test func exitCodeAndBothStreamsAreReported() async throws {
    let result = try await shell("echo out; echo err >&2; exit 3")
    #expect(result.status == .exited(code: 3))
    #expect(!result.status.isSuccess)
    #expect(result.standardOutput.text == "out\n")
    #expect(result.standardError.text == "err\n")
    #expect(result.standardError.lastLine == "err")
  }

  @Test func deathByASignalIsToldFromAnExitCode() async throws {
    #expect(try await shell("kill -9 $$").status == .killed(signal: 9))
  }

  @Test func environmentIsExactlyWhatIsGiven() async throws {
    let result = try await ChildProcess.run(
      executable: "/usr/bin/env", environment: ["NAME": "a value", "EMPTY": ""])
    #expect(Set(result.standardOutput.text.split(separator: "\n")) == ["NAME=a value", "EMPTY="])
  }

  @Test func argumentsReachTheProgramUnchanged() async throws {
    let arguments = ["a b", "", "$HOME", "'\"", "ü"]
    let result = try await ChildProcess.run(
      executable: "printf", arguments: ["%s\\n"] + arguments, environment: environment)
    #expect(result.standardOutput.text == arguments.map { $0 + "\n" }.joined())
  }

  @Test func programReadsNothingFromTheTerminalOrStandardInput() async throws {
    let result = try await shell("cat; (: < /dev/tty) 2>/dev/null && echo terminal; exit 0")
    #expect(result.standardOutput.bytes.isEmpty)
  }

  @Test func workingDirectoryIsEntered() async throws {
    let result = try await ChildProcess.run(
      executable: "pwd", environment: environment, workingDirectory: "/usr/bin")
    #expect(result.standardOutput.text == "/usr/bin\n")
  }

  @Test func unusableProgramsAreNamed() async {
    await #expect(throws: ProcessError.executableNotFound("no-such-program")) {
      try await ChildProcess.run(executable: "no-such-program", environment: environment)
    }
    await #expect(throws: ProcessError.executableNotFound("/etc/passwd")) {
      try await ChildProcess.run(executable: "/etc/passwd", environment: environment)
    }
    await #expect(throws: ProcessError.executableNotFound("sh")) {
      try await ChildProcess.run(executable: "sh", environment: [:])
    }
    await #expect(throws: ProcessError.workingDirectoryUnusable("/nonexistent")) {
      try await ChildProcess.run(executable: "sh", environment: environment, workingDirectory: "/nonexistent")
    }
  }

  @Test func textThatACStringCannotHoldIsRefused() async {
    let cases: [(arguments: [String], extra: [String: String])] = [
      (["a\0b"], [:]), ([], ["NAME": "a\0b"]), ([], ["A=B": "c"]), ([], ["": "c"]),
    ]
    for (arguments, extra) in cases {
      await #expect(throws: ProcessError.self) {
        try await ChildProcess.run(
          executable: "true", arguments: arguments, environment: environment.merging(extra) { $1 })
      }
    }
  }

  @Test func errorsShowNeitherArgumentsNorEnvironment() async throws {
    let error = await #expect(throws: ProcessError.self) {
      try await ChildProcess.run(
        executable: "sh", arguments: ["secret-argument"], environment: ["PATH": "/bin", "TOKEN": "secret-value"],
        workingDirectory: "/nonexistent")
    }
    #expect(!"\(String(describing: error)) \(String(reflecting: error))".contains("secret"))
  }

  @Test func ofTooMuchOutputTheEndIsKept() async throws {
    let result = try await ChildProcess.run(
      executable: "sh", arguments: ["-c", "seq 1 1000000; seq 1 5 >&2"], environment: environment, outputLimit: 15)
    #expect(result.standardOutput.text == "999999\n1000000\n")
    #expect(result.standardOutput.droppedByteCount == 6_888_896 - 15)
    #expect(result.standardError.text == "1\n2\n3\n4\n5\n")
    #expect(result.standardError.droppedByteCount == 0)
  }

  @Test func linesAreToldAsTheyComeAndInOrder() async throws {
    let lines = Mutex<[OutputLine]>([])
    _ = try await ChildProcess.run(
      executable: "sh", arguments: ["-c", "seq 1 1000; printf 'a\\r\\nb' >&2; printf last"],
      environment: environment, onOutputLine: { line in lines.withLock { $0.append(line) } })
    let told = lines.withLock { $0 }
    #expect(told.filter { $0.stream == .standardOutput }.map(\.text) == (1...1000).map(String.init) + ["last"])
    #expect(told.filter { $0.stream == .standardError }.map(\.text) == ["a", "b"])
  }

  @Test func manyProcessesRunAtOnceAndEachGetsItsOwnOutput() async throws {
    try await withThrowingTaskGroup(of: (Int, String).self) { group in
      for number in 0..<50 {
        group.addTask { (number, try await shell("echo \(number)").standardOutput.text) }
      }
      for try await (number, text) in group { #expect(text == "\(number)\n") }
    }
  }

  @Test func whatAProgramLeavesInTheBackgroundEndsWithIt() async throws {
    let result = try await shell("sleep 1000 & echo $!")
    let orphan = try #require(Int32(result.standardOutput.text.dropLast()))
    await waitForEnd(of: orphan)
  }

  @Test func timeoutEndsTheProgramAndEverythingItStarted() async throws {
    let clock = ManualClock()
    let lines = LineStream()
    let running = Task {
      try await ChildProcess.run(
        executable: "sh",
        arguments: ["-c", "(trap '' TERM; echo ignoring; while :; do sleep 1000; done) & echo $! $$; wait"],
        environment: environment, timeout: .seconds(60), clock: clock, onOutputLine: lines.yield)
    }
    let started = [await lines.next(), await lines.next()]
    let processes = started.joined(separator: " ").split(separator: " ").compactMap { Int32($0) }
    #expect(processes.count == 2)
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(60))
    await #expect {
      try await running.value
    } throws: { error in
      guard case .timedOut("sh", .seconds(60), let result)? = error as? ProcessError else { return false }
      return result.status == .killed(signal: 15) && result.standardOutput.text.contains("ignoring")
    }
    for process in processes { await waitForEnd(of: process) }
  }

  @Test func programThatIgnoresTerminationIsKilledAfterTheGrace() async throws {
    let lines = LineStream()
    let running = Task {
      try await ChildProcess.run(
        executable: "sh", arguments: ["-c", "trap '' TERM; echo $$; while :; do sleep 1000; done"],
        environment: environment, terminationGrace: .milliseconds(50), onOutputLine: lines.yield)
    }
    let process = try #require(Int32(await lines.next()))
    running.cancel()
    await #expect(throws: ProcessError.cancelled(executable: "sh")) { try await running.value }
    await waitForEnd(of: process)
  }

  @Test func programThatClosedItsOutputIsStillEnded() async throws {
    let clock = ManualClock()
    let running = Task {
      try await ChildProcess.run(
        executable: "sh", arguments: ["-c", "exec >&- 2>&-; sleep 1000"], environment: environment,
        timeout: .seconds(5), clock: clock)
    }
    await clock.waitForSleepers(1)
    clock.advance(by: .seconds(5))
    await #expect(throws: ProcessError.self) { try await running.value }
  }

  @Test func cancelledTaskStartsNothing() async throws {
    let running = Task {
      unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() }
      return try await ChildProcess.run(executable: "sh", arguments: ["-c", "exit 0"], environment: environment)
    }
    await #expect(throws: ProcessError.cancelled(executable: "sh")) { try await running.value }
  }
}
