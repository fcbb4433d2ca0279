import TestSupport
import Testing

/// `wrktalkctl config` keeps nothing that no later command could use.
@Suite struct ContextCommandTests {
  private let set = ["config", "set-context", "here"]

  @Test(arguments: ["Shop", "a b", "a/b", "-a", "a.b"]) func aNamespaceThatCannotBeIsRefused(name: String)
    async throws
  {
    let desk = try SigningDesk()
    let answer = try await desk.run(set + ["--namespace=\(name)"])
    #expect(answer.code == 64)
    #expect(answer.errors.contains("\"\(name)\" cannot be the name of a namespace"), "\(answer.errors)")
    #expect(try await desk.run("config", "get-contexts").output.isEmpty)
  }

  @Test func aTokenFileThatHoldsNoTokenIsRefused() async throws {
    let desk = try SigningDesk()
    try desk.folder.write("two words\n", to: "words")
    try desk.folder.write("\n", to: "empty")
    for (name, reason) in [
      ("absent", "No such file"), (".", "irectory"), ("words", "holds no token"), ("empty", "holds no token"),
    ] {
      let answer = try await desk.run(set + ["--token-file", name])
      #expect(answer.code == 1)
      #expect(answer.errors.contains("the token file cannot be used: \(desk.folder.path)"), "\(answer.errors)")
      #expect(answer.errors.contains(reason) && answer.errors.contains("--token-stdin"), "\(answer.errors)")
    }
    #expect(try await desk.run("config", "get-contexts").output.isEmpty)
  }

  @Test func aTokenFileAndANamespaceThatCanBeUsedAreKept() async throws {
    let desk = try SigningDesk()
    try desk.folder.write("wtk_x\n", to: "token")
    #expect(try await desk.run(set + ["--namespace", "shop", "--token-file", "token"]).code == 0)
    let contexts = try await desk.run("config", "get-contexts").output
    #expect(contexts.contains("shop") && contexts.contains("\(desk.folder.path)/token"))
  }

  @Test(arguments: ["soon", "90", "-1d", "90days", "2027"]) func aLifetimeThatIsNoneIsRefused(text: String) async throws
  {
    let desk = try SigningDesk()
    let answer = try await desk.run("trust", "init", "--product", "shop", "--expires", text)
    #expect(answer.code == 64)
    #expect(answer.errors.contains("'\(text)' is invalid for '--expires"), "\(answer.errors)")
    #expect(
      answer.errors.contains("days (90d), or hours, minutes and seconds (720h, 1h30m); or a time: "), "\(answer.errors)"
    )
  }
}
