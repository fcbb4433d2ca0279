import OfferPlanning

extension LocalDeploymentStatus {
  /// Those that fit, as a list between parentheses of SQL.
  static func sql(where fits: (LocalDeploymentStatus) -> Bool) -> String {
    allCases.filter(fits).map { "'\($0.rawValue)'" }.joined(separator: ", ")
  }
}
