import ComposeBundles
import HTTPTransport
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// What is told of a container that ended.
struct FaultReportTests {
  private static let fault = PodFault(
    kind: .crash(restarts: 0), pod: "migration-x2", container: "migration", message: "it ended (exit code 5)")

  /// Reports while the API server answers requests for the log so, the last answer again and again.
  private func text(answers: [HTTPResponse], _ move: (ManualClock) async -> Void = { _ in }) async -> String {
    let clock = ManualClock()
    let client = ResourceClient(
      endpoint: APIEndpoint("https://cluster", token: .fixed("t")), transport: ScriptedLog(answers: answers))
    let report = FaultReport(client: client, namespace: "n", mask: SecretMask(values: ["geheim"]), clock: clock)
    async let text = report.text(of: Self.fault, workload: "Job migration")
    await move(clock)
    return await text
  }

  private static func log(_ text: String) -> HTTPResponse { HTTPResponse(status: 200, body: Array(text.utf8)) }

  @Test func aLogThatCanBeReadOnlyAMomentLaterIsWaitedFor() async {
    let text = await text(answers: [Self.log(""), Self.log("no login with geheim\n")]) { clock in
      await clock.waitForSleepers(1)
      clock.advance(by: .seconds(1))
    }
    #expect(text == "Job migration: it ended (exit code 5). Its log ends: no login with ***")
  }

  @Test func aContainerThatSaidNothingIsNotWaitedForLong() async {
    let text = await text(answers: [Self.log("")]) { clock in
      for _ in 0..<5 {
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(1))
      }
    }
    #expect(text == "Job migration: it ended (exit code 5). It wrote no log")
  }

  @Test func aLogThatMayNotBeReadIsNoSilence() async {
    let text = await text(answers: [HTTPResponse(status: 403, body: Array("pods/log is forbidden".utf8))]) { clock in
      for _ in 0..<5 {
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(1))
      }
    }
    #expect(text.contains("Its log cannot be read: "), "\(text)")
    #expect(!text.contains("It wrote no log"))
  }
}

private final class ScriptedLog: APITransport {
  private let answers: Mutex<[HTTPResponse]>

  init(answers: [HTTPResponse]) { self.answers = Mutex(answers) }

  func send(_ request: HTTPRequest) async throws(HTTPTransportError) -> HTTPResponse {
    answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
  }

  func open(_ request: HTTPRequest) async throws(HTTPTransportError) -> APIStream {
    throw HTTPTransportError(code: .couldNotConnect, message: "no watches here")
  }
}
