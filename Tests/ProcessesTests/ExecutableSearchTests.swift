import Processes
import Testing

@Suite struct ExecutableSearchTests {
  @Test func firstFolderOfThePathThatHasTheProgramWins() {
    #expect(ExecutableSearch.find("env", path: "/nonexistent:/usr/bin:/bin") == "/usr/bin/env")
    #expect(ExecutableSearch.find("env", path: "/nonexistent") == nil)
    #expect(ExecutableSearch.find("env", path: "") == nil)
    #expect(ExecutableSearch.find("", path: "/usr/bin") == nil)
  }

  @Test func nameWithASlashIsNotSearchedFor() {
    #expect(ExecutableSearch.find("/usr/bin/env", path: "") == "/usr/bin/env")
    #expect(ExecutableSearch.find("/etc/passwd", path: "/usr/bin") == nil)
    #expect(ExecutableSearch.find("/usr/bin", path: "/usr/bin") == nil)
  }

  @Test func relativeFoldersOfThePathAreIgnored() {
    #expect(ExecutableSearch.find("env", path: ".:bin") == nil)
  }
}
