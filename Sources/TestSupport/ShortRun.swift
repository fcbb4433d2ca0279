extension Array {
  /// All of them, and in a short run (`WRKTALK_TEST_RUN=short`) one of them, by the number that the test gives: so the tests
  /// share out between them what a whole run tries in each.
  public func sharedOut(_ number: Int) -> [Element] {
    isEmpty || !Testbed.isShortRun ? self : [self[number % count]]
  }

  /// All of them, and in a short run every `step`th, from `start` on.
  public func thinned(by step: Int, from start: Int = 0) -> [Element] {
    Testbed.isShortRun ? stride(from: start, to: count, by: step).map { self[$0] } : self
  }
}
