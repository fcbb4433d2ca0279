import FoundationEssentials
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite(.timeLimit(.minutes(5))) struct ExternalSignerTests {
  /// Writes the numbers of itself and of what it started, once both run, and waits.
  private static let waiting = "sleep 1000 & echo $! $$ >numbers.new; mv numbers.new numbers; wait"

  private static func numbers(_ desk: SigningDesk) async throws -> [Int32] {
    while !FileManager.default.fileExists(atPath: desk.folder.file("numbers")) {
      try await Task.sleep(for: .milliseconds(20))
    }
    return try desk.text("numbers").split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
  }

  private static func waitForEnd(of process: Int32) async throws {
    while kill(process, 0) == 0 { try await Task.sleep(for: .milliseconds(20)) }
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
  func aCommandThatSignsEndsWithAllThatItStartedWhenThisOneIsInterrupted(signal: Int32) async throws {
    let desk = try SigningDesk()
    try await desk.succeed("trust", "init", "--product", "wrktalk", "--dir", "trust")
    try desk.writeManifest()
    let program = try await RunningProgram.start(
      Testbed.program("wrktalkctl"),
      arguments: [
        "release", "sign", "release.json", "--root", "trust/root.json", "--sign-with", Self.waiting, "-o",
        "signed.json",
      ], environment: desk.environment, workingDirectory: desk.folder.path)
    let processes = try await Self.numbers(desk)
    #expect(processes.count == 2)
    program.signal(signal)
    #expect(await program.termination() == .exited(code: 128 + Int(signal)))
    for process in processes { try await Self.waitForEnd(of: process) }
    #expect(try !desk.names.contains("signed.json"))
  }
}
