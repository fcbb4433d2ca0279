/// How much time a rollout has lost because the API server could not be watched: what happened meanwhile is unknown, so that
/// time counts against nobody.
struct OutageTally: Sendable, Hashable {
  private(set) var isOut = false
  /// All outages so far together, each with what controllers and kubelets get to catch up after it.
  private(set) var lost = Duration.zero
  private var noted = Duration.zero

  static let recoveryTime = Duration.seconds(10)

  /// True where so much was lost that a wait which could not be made longer says nothing.
  var isConsiderable: Bool { isOut || lost >= Self.recoveryTime + .seconds(5) }

  /// - Parameter moment: since the rollout began; never less than the last time.
  mutating func note(isOut: Bool, at moment: Duration) {
    if self.isOut { lost += moment - noted }
    if self.isOut, !isOut { lost += Self.recoveryTime }
    self.isOut = isOut
    noted = moment
  }
}
