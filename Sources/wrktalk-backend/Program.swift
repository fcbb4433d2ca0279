import ArgumentParser
import Backend

@main
enum Program {
  static func main() async { await BackendCommand.main(nil) }
}
