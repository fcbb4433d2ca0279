import CoreKinds
import DeploymentKinds
import OfferPlanning
import ResourceModel

/// The DesiredDeployment as the second view of the active task: level-triggered, so that whoever is killed in between leaves what the
/// next pass puts right.
enum TaskRecords {
  /// Has the record ask for a task that nobody has begun, where it is the record's Agent that carries tasks out.
  static func write(_ task: inout AgentTask, _ transaction: inout DeploymentTransaction) throws {
    guard transaction.state.executor == .record, let order = task.order else { return }
    if task.generation == nil, let record = try transaction.currentRecord(), record.isInSync {
      task.previousSpec = record.object.spec
    }
    task.generation = try transaction.ask(for: order, task: task.id)
  }
}
