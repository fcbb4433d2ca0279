import ArgumentParser
import ControlCenter

@main
enum Program {
  static func main() async { await ControlCenterCommand.main(nil) }
}
