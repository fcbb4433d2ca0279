/// The version of the programs, which are released together, as they name themselves to servers and people.
public enum ProgramVersion {
  public static let current = "1.0.0"
}
