import Subprocess
import SystemPackage
public import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A PostgreSQL server of a suite's own, on a free port of the loopback interface, and of the one by which pods reach this
/// machine, in a temporary folder. It ends with the suite, and also when the test program is killed.
///
///     @Suite(.postgreSQLServer) struct StoreTests { … try await PostgreSQLServer.current … }
public struct PostgreSQLServer: Sendable {
  public let port: Int
  /// Where the server's programs are.
  public let binaries: String
  let folder = "/tmp/wrktalk-postgresql-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"

  @TaskLocal static var running: PostgreSQLServer?

  private static let user = "wrktalk"
  public static let password = "only-for-tests"

  /// The server of the suite that runs.
  /// - Throws: where the suite does not carry the trait `.postgreSQLServer`, or the machine has no PostgreSQL.
  public static var current: PostgreSQLServer {
    get throws {
      guard let running else { throw Testbed.MissingFacility(facility: .postgresql) }
      return running
    }
  }

  /// The folder of PostgreSQL's server programs: what the testbed names, or else Debian's newest.
  public static var installedBinaries: String? {
    if let named = Testbed.variable(Testbed.Facility.postgresql.variable) { return named }
    return (13...20).reversed().map { "/usr/lib/postgresql/\($0)/bin" }.first {
      unsafe access("\($0)/initdb", X_OK) == 0
    }
  }

  public func url(database: String, host: String = "127.0.0.1") -> String {
    "postgresql://\(Self.user):\(Self.password)@\(host):\(port)/\(database)"
  }

  /// Makes a new, empty database.
  /// - Parameter host: where it is to be reached: this machine, or its address as pods know it.
  /// - Returns: its URL.
  public func createDatabase(host: String = "127.0.0.1") async throws -> String {
    let name = "test_\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
    let result = try await run(
      .path(FilePath("\(binaries)/psql")),
      arguments: [
        "-h", "127.0.0.1", "-p", "\(port)", "-U", Self.user, "-d", "postgres", "-qc", "CREATE DATABASE \(name)",
      ],
      environment: .custom(["PGPASSWORD": Self.password]), output: .discarded, error: .string(limit: 4096))
    guard result.terminationStatus == .exited(0) else {
      throw ProgramError(description: "cannot create a database: \(result.standardError)")
    }
    return url(database: name, host: host)
  }

  /// Ends the server as a crash would, in the midst of whatever it does, and starts it again.
  public func crash() async throws {
    let script = """
      cd "$2"; as=; if [ "$(id -u)" = 0 ]; then as='runuser -u postgres --'; fi
      exec $as "$1/pg_ctl" -D "$2/data" -m immediate -w -l "$2/restart-log" restart < /dev/null
      """
    let result = try await run(
      .path("/bin/sh"), arguments: ["-c", script, "sh", binaries, folder], output: .discarded,
      error: .string(limit: 4096))
    guard result.terminationStatus == .exited(0) else {
      throw ProgramError(description: "PostgreSQL did not start again: \(result.standardError)")
    }
  }

  /// Starts a server, runs `body` with it as the current one and stops it.
  static func withServer(_ body: @Sendable () async throws -> Void) async throws {
    guard let binaries = installedBinaries else {
      if Testbed.demandsEverySuite { throw Testbed.MissingFacility(facility: .postgresql) }
      return try await body()
    }
    // Below the ports that systems give to clients. One in use makes the server end before it is ready.
    for _ in 1...5 {
      let server = PostgreSQLServer(port: Int.random(in: 20_000..<32_000), binaries: binaries)
      if try await server.whileRunning(body) { return }
    }
    throw ProgramError(description: "PostgreSQL did not start on five ports")
  }

  /// - Returns: false where the server did not start.
  private func whileRunning(_ body: @Sendable () async throws -> Void) async throws -> Bool {
    let result = try await run(
      .path("/bin/sh"),
      arguments: [
        "-c", Self.script, "sh", binaries, folder, "\(port)", Self.user, Self.password,
        Testbed.variable(Testbed.Facility.hostAddress.variable) ?? "",
      ],
      input: .inputWriter, output: .sequence, error: .discarded
    ) { execution -> Result<Bool, any Error> in
      let outcome: Result<Bool, any Error>
      do {
        var isReady = false
        for try await line in execution.standardOutput.strings() where line.hasPrefix("ready") {
          isReady = true
          break
        }
        if isReady { try await Self.$running.withValue(self) { try await body() } }
        outcome = .success(isReady)
      } catch {
        outcome = .failure(error)
      }
      try await execution.standardInputWriter.finish()
      return outcome
    }
    return try result.closureResult.get()
  }

  /// The shell's input ends when the suite does, or when the test program dies, and then the server goes.
  private static let script = """
    bin=$1 folder=$2 port=$3 user=$4 pods=$6
    mkdir -m 700 "$folder" || exit 1
    printf '%s' "$5" > "$folder/password"
    as=
    if [ "$(id -u)" = 0 ]; then as='runuser -u postgres --'; chown -R postgres "$folder"; fi
    cd "$folder"
    $as "$bin/initdb" -D "$folder/data" -U "$user" --pwfile="$folder/password" --auth=scram-sha-256 --no-sync \
      -E UTF8 --locale=C.UTF-8 > "$folder/log" 2>&1
    if [ -n "$pods" ]; then echo 'host all all samenet scram-sha-256' >> "$folder/data/pg_hba.conf"; fi
    $as "$bin/postgres" -D "$folder/data" -p "$port" -h "127.0.0.1${pods:+,$pods}" -k "$folder" -c fsync=off -c full_page_writes=off \
      -c max_connections=200 < /dev/null > "$folder/log" 2>&1 &
    server=$!
    while kill -0 $server 2>/dev/null; do
      if "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; then echo ready; break; fi
      sleep 0.05
    done
    if kill -0 $server 2>/dev/null; then
      read -r line
      $as "$bin/pg_ctl" -D "$folder/data" -m immediate stop > "$folder/log" 2>&1
    fi
    wait $server
    cd / && rm -rf "$folder"
    """
}

/// Gives a suite a PostgreSQL server of its own.
public struct PostgreSQLServerTrait: SuiteTrait, TestScoping {
  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    try await PostgreSQLServer.withServer(function)
  }
}

extension Trait where Self == PostgreSQLServerTrait {
  /// A PostgreSQL server that runs as long as the suite.
  public static var postgreSQLServer: Self { PostgreSQLServerTrait() }
}
