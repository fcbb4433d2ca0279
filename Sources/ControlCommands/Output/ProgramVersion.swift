/// The version of this program, as it names itself to servers.
enum ProgramVersion {
  static let current = "1.0.0"
}
