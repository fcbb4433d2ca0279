import FoundationEssentials
import Processes

/// The lines of a running process, one by one.
final class LineStream: Sendable {
  private let stream: AsyncStream<String>
  private let source: AsyncStream<String>.Continuation

  init() { (stream, source) = AsyncStream.makeStream() }

  @Sendable func yield(_ line: OutputLine) { source.yield(line.text) }

  func next() async -> String {
    for await line in stream { return line }
    return ""
  }
}

/// Returns once the process is gone or a zombie that its new parent has yet to reap.
func waitForEnd(of process: Int32) async {
  while let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
    let state = status.drop(while: { $0 != ")" }).dropFirst(2).first, state != "Z", state != "X"
  {
    await Task.yield()
  }
}
