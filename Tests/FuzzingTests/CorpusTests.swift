import FuzzTargets
import TestSupport
import Testing

@Suite("What fuzzing keeps")
struct CorpusTests {
  @Test(arguments: FuzzTarget.all.map(\.name))
  func whatMustHoldHoldsForEachInputOfTheCorpus(_ name: String) async throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let inputs = try Corpus.inputs(name)
    #expect(!inputs.isEmpty, "there is no corpus for \(name)")
    for input in inputs {
      do {
        try await target.check(input.bytes)
      } catch {
        Issue.record("\(input.path): \(error)")
      }
    }
  }
}
