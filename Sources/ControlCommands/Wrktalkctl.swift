public import ArgumentParser
import DeploymentKinds
import FoundationEssentials

/// The command line of WrkTalk deployments.
public struct Wrktalkctl: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "wrktalkctl",
    abstract: "Declare which release an environment should be on, and see what becomes of it.",
    discussion: """
      The server is taken from --server, WRKTALK_SERVER, the current context, or http://127.0.0.1:3000, in this order; the \
      token from --token-file, WRKTALK_TOKEN or the context.

      Exit codes: 0 success (diff: no difference), 1 failure (diff: there are differences, and 2 for a failure), 64 a wrong command line, 124 a \
      rollout that has not ended in time.
      """,
    subcommands: [
      ApplyCommand.self, GetCommand.self, DescribeCommand.self, DiffCommand.self, WaitCommand.self, DeleteCommand.self,
      HistoryCommand.self, RollbackCommand.self, RetryCommand.self, SuspendCommand.self, ResumeCommand.self,
      DeploymentCommand.self, EventsCommand.self, SupportBundleCommand.self, AuditCommand.self, TrustCommand.self,
      ReleaseCommand.self, RolloutCommand.self, FleetCommand.self,
      OrgCommand.self, SimulateCommand.self, ConfigCommand.self, CRDsCommand.self, VersionCommand.self,
      CompletionCommand.self,
    ])

  public init() {}

  /// Runs the program's command line and ends the process.
  public static func runProgram() async -> Never {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      try refuseToken(arguments)
      // Not the parser's own flag, which every command would have: releases have a --version.
      if arguments == ["--version"] { exit(withError: CleanExit.message(ProgramVersion.current)) }
      if let failure = UnknownCommand.failure(arguments, of: Self.self) { throw failure }
      var command = try parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      exit()
    } catch let failure as CommandFailure {
      let console = Console.standard(environment: ProcessInfo.processInfo.environment)
      console.note("error: \(failure.message)")
      if let hint = failure.hint { console.note("hint: \(hint)") }
      exit(withError: ExitCode(failure.exitCode))
    } catch {
      exit(withError: error)
    }
  }

  /// Arguments can be read by everybody on the machine.
  static func refuseToken(_ arguments: [String]) throws(CommandFailure) {
    let words = arguments.prefix { $0 != "--" }
    if words.contains(where: { $0 == "--token" || $0.hasPrefix("--token=") }) {
      throw CommandFailure(
        "a token is never given as an argument, where everybody on the machine can read it",
        hint: "Use --token-file FILE, or put it into WRKTALK_TOKEN.", exitCode: CommandFailure.usageExitCode)
    }
  }
}
