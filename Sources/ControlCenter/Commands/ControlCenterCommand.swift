public import ArgumentParser

/// `wrktalk-gcc`.
public struct ControlCenterCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(commandName: "wrktalk-gcc")
  public init() {}
}
