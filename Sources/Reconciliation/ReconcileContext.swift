public import Logging

/// What a pass may know of itself.
public struct ReconcileContext: Sendable {
  /// The name of the controller.
  public var controller: String
  public var namespace: String?
  public var name: String
  /// Names this pass in logs and reports; a UUID.
  public var reconcileID: String
  /// How many passes over this key failed in a row before this one.
  public var failures: Int

  /// The pass the current task belongs to, if any.
  @TaskLocal public static var current: ReconcileContext?

  /// The fields that tell which pass a log record comes from.
  public var metadata: Logger.Metadata {
    var metadata: Logger.Metadata = [
      "controller": .string(controller), "name": .string(name), "reconcileID": .string(reconcileID),
    ]
    if let namespace { metadata["namespace"] = .string(namespace) }
    return metadata
  }
}

extension Logger.MetadataProvider {
  /// Adds the fields of the current pass to every record that is logged inside it.
  public static let reconcile = Logger.MetadataProvider { ReconcileContext.current?.metadata ?? [:] }
}
