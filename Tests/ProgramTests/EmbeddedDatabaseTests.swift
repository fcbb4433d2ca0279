import CoreKinds
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

/// The real Backend on its embedded database, and the other commands of the same program beside it.
@Suite(.timeLimit(.minutes(5))) struct EmbeddedDatabaseTests {
  /// Three writers write all the time while tokens are made, listed and revoked; then the Backend is killed.
  @Test func whatWasAcknowledgedOutlivesTokenCommandsAndACrash() async throws {
    let folder = try TemporaryFolder()
    let backend = try await BackendProcess("sqlite:\(folder.file("wrktalk.db"))")
    let http = HTTPClient(userAgent: "wrktalk-tests")
    let admin = try await backend.createToken("admin")
    let revoked = try await backend.createToken("revoked")
    let client = backend.client(admin, http)
    try await Self.read(backend.client(revoked, http))

    let acknowledged = Acknowledged()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<3 { group.addTask { try await Self.write(writer, client, acknowledged) } }
      for round in 0..<10 {
        let before = acknowledged.count
        let token = try await backend.createToken("round-\(round)")
        try await backend.command("token", "list")
        // The server sees what the command wrote, and the command left it its files.
        try await Self.read(backend.client(token, http))
        for file in ["wrktalk.db-wal", "wrktalk.db-shm"] {
          #expect(FileManager.default.fileExists(atPath: folder.file(file)), "\(file) was taken from the server")
        }
        try await acknowledged.wait(for: before + 3)
      }
      try await backend.command("token", "revoke", "revoked")
      try await acknowledged.wait(for: acknowledged.count + 3)
      acknowledged.end()
      await backend.program.kill()
      try await group.waitForAll()
    }

    try await backend.start()
    let names = LeaseKind.definition.names
    let found = try await client.list(names, namespace: "wrktalk").items
    for (name, sequence) in acknowledged.last {
      let stored = found.first { $0["metadata"]?["name"]?.string == name }?["spec"]?["leaseTransitions"]?.integer
      // What the crash cut off may have been written as well.
      #expect(stored == sequence || stored == sequence + 1, "\(name)")
    }
    let error = await #expect(throws: ResourceClientError.self) { try await Self.read(backend.client(revoked, http)) }
    #expect(error?.reason == .unauthorized)
    let (fresh, list) = (try await backend.createToken("fresh"), try await backend.command("token", "list"))
    try await Self.read(backend.client(fresh, http))
    let lines = ["NAME", "admin"] + (0..<10).map { "round-\($0)" } + ["fresh"]
    #expect(Set(list.compactMap { $0.split(separator: " ").first.map(String.init) }) == Set(lines))
    await backend.program.stop()
    await http.shutdown()
  }

  @Test func aSecondServerOnOneFileIsRefused() async throws {
    let folder = try TemporaryFolder()
    let backend = try await BackendProcess("sqlite:\(folder.file("wrktalk.db"))")
    let second = try await RunningProgram.start(
      Testbed.program("wrktalk-backend"), arguments: ["serve", "--listen", "127.0.0.1:0"],
      environment: ["WRKTALK_DATABASE_URL": backend.databaseURL])
    let serves = try? await second.line(containing: "serves")
    #expect(serves == nil)
    #expect(await (serves == nil ? second.termination() : second.stop()) == .exited(code: 1))
    let message = second.output.joined(separator: "\n")
    #expect(message.contains("another server (process \(backend.program.processIdentifier)) uses the SQLite file"))
    // Once the first has ended, however it did, another may serve.
    await backend.program.kill()
    // On a port of its own: the former one may be another program's by now.
    let next = try await RunningProgram.start(
      Testbed.program("wrktalk-backend"), arguments: ["serve", "--listen", "127.0.0.1:0"],
      environment: ["WRKTALK_DATABASE_URL": backend.databaseURL])
    _ = try await next.line(containing: "serves")
    await next.stop()
  }

  @Test(arguments: [["token", "list"], ["token", "revoke", "x"]])
  func commandsAboutTokensMakeNoDatabase(arguments: [String]) async throws {
    let folder = try TemporaryFolder()
    let program = try await RunningProgram.start(
      Testbed.program("wrktalk-backend"), arguments: arguments + ["--data-dir", "typo"], workingDirectory: folder.path)
    #expect(await program.termination() == .exited(code: 1))
    let message = program.output.joined(separator: "\n")
    #expect(message.contains("the SQLite file typo/wrktalk.db: No such file"), "\(message)")
    #expect(message.contains("--data-dir") && message.contains("WRKTALK_DATABASE_URL"), "\(message)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("typo")))
  }

  @Test func aTokenThatCannotBeWrittenDownIsNoToken() async throws {
    let folder = try TemporaryFolder()
    let backend = Testbed.program("wrktalk-backend")
    let environment = ["WRKTALK_DATABASE_URL": "sqlite:\(folder.file("wrktalk.db"))"]
    let creation = try await RunningProgram.start(
      "/bin/sh", arguments: ["-c", "exec \"$0\" token create --role admin --name lost >/dev/full", backend],
      environment: environment)
    #expect(await creation.termination() == .exited(code: 1))
    #expect(creation.output.joined().contains("could not be written to standard output"))
    let list = try await RunningProgram.start(backend, arguments: ["token", "list"], environment: environment)
    #expect(await list.termination() == .exited(code: 0))
    #expect(!list.output.joined().contains("lost"))
  }

  /// Whoever starts a server again and again need not for settings that stay wrong, and is to where another program has the port.
  @Test(
    arguments: [
      (
        "wrktalk-gcc", ["GCC_BUCKET_PROVIDER": "file", "GCC_BUCKET_NAME": "/nonexistent/x"], "no folder /nonexistent/x"
      ),
      ("wrktalk-backend", ["WRKTALK_BUCKET_PROVIDER": "file", "WRKTALK_BUCKET_NAME": "/nonexistent/x"], "no folder"),
      ("wrktalk-gcc", ["DATABASE_URL": "mysql://x"], "DATABASE_URL: the database URL is not valid"),
      ("wrktalk-backend", ["WRKTALK_LOG_LEVEL": "loud"], "WRKTALK_LOG_LEVEL must be one of"),
      ("wrktalk-gcc", ["WRKTALK_TLS_CERT_FILE": "/x"], "needs its key"),
    ] as [(String, [String: String], String)])
  func wrongSettingsEndAServerAsTheyEndAnAgent(name: String, settings: [String: String], message: String) async throws {
    let folder = try TemporaryFolder()
    let program = try await RunningProgram.start(
      Testbed.program(name), arguments: ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder.file("data")],
      environment: settings, workingDirectory: folder.path)
    #expect(await program.termination() == .exited(code: 78))
    #expect(program.output.joined(separator: "\n").contains(message), "\(program.output)")
    #expect(!FileManager.default.fileExists(atPath: "/nonexistent/x"))
  }

  @Test(arguments: ["wrktalk-gcc", "wrktalk-backend"])
  func aPortThatIsTakenIsNoWrongSetting(name: String) async throws {
    let folder = try TemporaryFolder()
    let taken = try LoopbackServer { _, connection in connection.respond(200, body: []) }
    let program = try await RunningProgram.start(
      Testbed.program(name),
      arguments: ["serve", "--listen", "127.0.0.1:\(taken.port)", "--data-dir", folder.file("data")],
      environment: [:], workingDirectory: folder.path)
    #expect(await program.termination() == .exited(code: 1))
    #expect(program.output.joined(separator: "\n").contains("another program uses this port"), "\(program.output)")
  }

  @Test(arguments: ["DATABASE_URL", "WRKTALK_DATABASE_URL"])
  func theLogSaysWhatNamedTheDatabase(variable: String) async throws {
    let folder = try TemporaryFolder()
    let url = "sqlite:\(folder.file("wrktalk.db"))"
    let program = try await RunningProgram.start(
      Testbed.program("wrktalk-backend"), arguments: ["serve", "--listen", "127.0.0.1:0"], environment: [variable: url])
    let line = try await program.line(containing: "Opening the database")
    #expect(line.contains("\"\(variable)\"") && line.contains("wrktalk.db"), "\(line)")
    await program.stop()
  }

  /// A client that does not read what it asked for.
  @Test func aProgramThatIsToldToEndWaitsForASlowReaderOnlySoLong() async throws {
    let folder = try TemporaryFolder()
    let url = "sqlite:\(folder.file("wrktalk.db"))"
    let token = try await CustomerEnvironment.createToken(role: "admin", url)
    let program = try await RunningProgram.start(
      Testbed.program("wrktalk-backend"),
      arguments: ["serve", "--listen", "127.0.0.1:0", "--shutdown-timeout", "300ms"],
      environment: ["WRKTALK_DATABASE_URL": url])
    let server = "http://127.0.0.1:\(try await CustomerEnvironment.port(of: program))"
    let http = HTTPClient(userAgent: "wrktalk-tests")
    let collection = "\(server)/apis/deploy.wrktalk.com/v1/namespaces/wrktalk/desireddeployments"
    let headers = [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")]
    // More than lies in the buffers between the two.
    for number in 0..<64 {
      let object = Self.deployment("d\(number)", annotation: String(repeating: "x", count: 250_000))
      let answer = try await http.send(
        HTTPRequest(method: "POST", url: collection, headers: headers, body: .bytes(object.serialized())))
      try #require(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
    }
    let unread = try await http.stream(HTTPRequest(url: collection, headers: headers, timeout: nil))
    #expect(unread.status == 200)
    let start = ContinuousClock.now
    _ = await program.stop()
    let duration = ContinuousClock.now - start
    #expect(duration >= .milliseconds(300) && duration < .seconds(8), "\(duration)")
    withExtendedLifetime(unread) {}
    await http.shutdown()
  }

  private static func deployment(_ name: String, annotation: String) -> JSONValue {
    [
      "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment",
      "metadata": ["name": .string(name), "annotations": ["long": .string(annotation)]],
      "spec": [
        "version": "1.0.0", "runtime": "Compose",
        "artifact": ["path": "artifacts/a.tgz", "sha256": .string(String(repeating: "a", count: 64))],
        "compose": ["projectName": .string(name)],
      ],
    ]
  }

  private static func read(_ client: ResourceClient) async throws {
    _ = try await client.list(LeaseKind.definition.names, namespace: "wrktalk")
  }

  /// Counts one Lease up, again and again, until the Backend is gone.
  private static func write(_ writer: Int, _ client: ResourceClient, _ acknowledged: Acknowledged) async throws {
    let key = ObjectKey(namespace: "wrktalk", name: "writer-\(writer)")
    var sequence: Int64 = 0
    do {
      var lease = Lease(
        metadata: ObjectMeta(name: key.name, namespace: key.namespace), spec: LeaseKind.Spec(leaseTransitions: 0))
      lease = try await client.create(lease)
      while true {
        acknowledged.note(key.name, sequence)
        sequence += 1
        lease.spec.leaseTransitions = Int(sequence)
        lease = try await client.replace(lease)
      }
    } catch {
      guard acknowledged.isEnding else { throw error }
    }
  }

  /// What the Backend said it has written.
  private final class Acknowledged: Sendable {
    private struct State {
      var last: [String: Int64] = [:]
      var count = 0
      var isEnding = false
    }

    private let state = Mutex(State())

    var last: [String: Int64] { state.withLock(\.last) }
    var count: Int { state.withLock(\.count) }
    var isEnding: Bool { state.withLock(\.isEnding) }

    func note(_ name: String, _ sequence: Int64) {
      state.withLock { state in
        state.last[name] = sequence
        state.count += 1
      }
    }

    func end() { state.withLock { $0.isEnding = true } }

    /// Returns once so many writes were acknowledged.
    func wait(for count: Int) async throws {
      while self.count < count {
        try Task.checkCancellation()
        await Task.yield()
      }
    }
  }
}
