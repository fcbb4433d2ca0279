public import Testing

/// Which Helm a test runs with.
public enum HelmEdition: String, Sendable, CaseIterable, CustomTestStringConvertible {
  case helm3
  case helm4

  public var testDescription: String { rawValue }

  /// Those that the machine offers; all of them where every suite is demanded.
  public static var offered: [HelmEdition] {
    allCases.filter { Testbed.offers($0.facility) || Testbed.demandsEverySuite }
  }

  private var facility: Testbed.Facility {
    switch self {
    case .helm3: .helm3
    case .helm4: .helm4
    }
  }

  /// The program's path.
  public func executable() throws -> String { try Testbed.location(of: facility) }
}
