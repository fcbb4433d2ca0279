import Agent
import ArgumentParser

@main
struct WrktalkAgent {
  static func main() async { await AgentCommand.main() }
}
