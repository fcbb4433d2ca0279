import FoundationEssentials
import Processes
import TestSupport
import Testing

/// The real `wrktalkctl` in a folder of its own, without a server and without a terminal.
struct SigningDesk {
  let folder: TemporaryFolder
  var environment: [String: String]

  init() throws {
    folder = try TemporaryFolder()
    environment = ["HOME": folder.path, "PATH": Testbed.variable("PATH") ?? "/usr/bin:/bin"]
    if let path = Testbed.variable("LD_LIBRARY_PATH") { environment["LD_LIBRARY_PATH"] = path }
  }

  struct Answer {
    var code: Int32
    var output: String
    var errors: String
  }

  func run(_ arguments: String...) async throws -> Answer { try await run(arguments) }

  func run(_ arguments: [String]) async throws -> Answer {
    let result = try await ChildProcess.run(
      executable: Testbed.program("wrktalkctl"), arguments: arguments, environment: environment,
      workingDirectory: folder.path, timeout: .seconds(120))
    guard case .exited(let code) = result.status else {
      throw UnexpectedEnd(description: "\(result.status): \(result.standardError.text)")
    }
    return Answer(code: code, output: result.standardOutput.text, errors: result.standardError.text)
  }

  /// Runs a line of the shell in the folder.
  /// - Returns: whether it succeeded.
  func shell(_ line: String) async throws -> Bool {
    try await ChildProcess.run(
      executable: "/bin/sh", arguments: ["-c", line], environment: environment, workingDirectory: folder.path,
      timeout: .seconds(120)
    ).status.isSuccess
  }

  struct UnexpectedEnd: Error, CustomStringConvertible { var description: String }

  /// Runs a command that has to succeed.
  @discardableResult
  func succeed(_ arguments: String...) async throws -> String {
    let answer = try await run(arguments)
    #expect(answer.code == 0, "\(arguments): \(answer.errors)")
    return answer.output
  }

  /// Runs a command that has to fail, for this reason.
  func fail(_ reason: String, code: Int32 = 1, _ arguments: String...) async throws {
    let answer = try await run(arguments)
    #expect(answer.code == code, "\(arguments): \(answer.output)\(answer.errors)")
    #expect(answer.errors.contains(reason), "\(arguments): \(answer.errors)")
  }

  func text(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: folder.file(name))), as: UTF8.self)
  }

  var names: [String] {
    get throws { try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() }
  }

  func mode(of name: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: folder.file(name))[.posixPermissions] as? Int
  }

  /// A manifest that could be signed.
  func writeManifest(
    _ name: String = "release.json", product: String = "wrktalk", version: String = "1.0.0",
    expires: String = "2999-01-01"
  ) throws {
    try folder.write(
      """
      {"product": "\(product)", "version": "\(version)", "sequence": 7, "issuedAt": "2020-01-01T00:00:00Z",
       "expires": "\(expires)T00:00:00Z",
       "artifacts": [{"runtime": "Compose", "sha256": "\(String(repeating: "a", count: 64))", "size": 5}]}
      """, to: name)
  }
}
