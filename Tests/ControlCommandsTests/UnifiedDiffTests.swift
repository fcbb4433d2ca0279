import Testing

@testable import ControlCommands

@Suite struct UnifiedDiffTests {
  private func diff(_ old: String, _ new: String) -> String {
    UnifiedDiff.render(old: old, new: new, oldName: "old", newName: "new", context: 1)
  }

  @Test func equalTextsHaveNoDiff() { #expect(diff("a\nb\n", "a\nb\n").isEmpty) }

  @Test func changesFarApartAreHunksOfTheirOwn() {
    let old = "1\n2\n3\n4\n5\n6\n7\n"
    let new = "1\nzwei\n3\n4\n5\n6\n7\n8\n"
    #expect(
      diff(old, new) == """
        --- old
        +++ new
        @@ -1,3 +1,3 @@
         1
        -2
        +zwei
         3
        @@ -7,1 +7,2 @@
         7
        +8

        """)
  }

  @Test func aNewTextIsAllAdded() {
    #expect(diff("", "a\nb\n") == "--- old\n+++ new\n@@ -0,0 +1,2 @@\n+a\n+b\n")
  }

  @Test func aGoneTextIsAllRemoved() {
    #expect(diff("a\n", "") == "--- old\n+++ new\n@@ -1,1 +0,0 @@\n-a\n")
  }
}
