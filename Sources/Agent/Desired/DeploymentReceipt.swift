import DeploymentKinds
import Logging
import ResourceClient
import ResourceModel
import WireFormats

/// Takes in an object that a server has sent: whatever it is, only one that the kind's schema and rules accept is looked at.
enum DeploymentReceipt {
  /// - Throws: what is wrong with the object. A status is never a reason: one that is not valid counts as none, and the Agent
  ///   goes by its own account.
  static func read(_ received: JSONValue) throws(DeploymentReceiptError) -> DesiredDeployment {
    let value = DesiredDeploymentKind.definition.applyDefaults(to: received)
    var problem = problem(of: value)
    if problem == nil, let object = try? value.decoded(as: DesiredDeployment.self) { return object }
    var bare = value
    bare["status"] = nil
    if value["status"] != nil {
      problem = self.problem(of: bare)
      if problem == nil, let object = try? bare.decoded(as: DesiredDeployment.self) { return object }
    }
    throw DeploymentReceiptError(message: problem ?? "it is not of the form of a DesiredDeployment")
  }

  /// Gives nil for an object that is not looked at, of which the log tells.
  static func reader(_ logger: Logger) -> @Sendable (JSONValue) -> DesiredDeployment? {
    { accepted($0, logger: logger) }
  }

  private static func accepted(_ received: JSONValue, logger: Logger) -> DesiredDeployment? {
    do throws(DeploymentReceiptError) {
      return try read(received)
    } catch {
      logger.error(
        "Object ignored: it is not valid",
        metadata: [
          "name": "\(received["metadata"]?["name"]?.string ?? "")", "error": "\(error.message)",
        ])
      return nil
    }
  }

  private static func problem(of value: JSONValue) -> String? {
    let errors = DesiredDeploymentKind.definition.validationErrors(in: value)
    return errors.isEmpty ? nil : errors.prefix(3).map(\.description).joined(separator: "; ")
  }
}

struct DeploymentReceiptError: Error {
  var message: String
}
