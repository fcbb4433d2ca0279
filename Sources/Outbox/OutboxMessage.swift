public import Reconciliation
public import WireFormats

/// Something to be sent at least once.
public struct OutboxMessage: Sendable, Hashable {
  /// Names the delivery, the same for every attempt, so that the receiver can tell a repetition; a UUID.
  public var id: String
  /// What it is about; messages of one destination and topic are sent in order where a destination is sent one message
  /// at a time.
  public var topic: String
  /// Who is to have it: what is limited, and what is let be while it does not answer. The sender knows the address.
  public var destination: String
  public var payload: String

  public init(id: String = randomReconcileID(), topic: String, destination: String, payload: String) {
    self.id = id
    self.topic = topic
    self.destination = destination
    self.payload = payload
  }
}

/// A message on its way.
public struct Delivery: Sendable, Hashable {
  public var message: OutboxMessage
  /// Counts the attempts of all processes, from 1; attempts whose process was killed count, too.
  public var attempt: Int
  public var createdAt: Timestamp
  /// In the order of insertion.
  var sequence: Int64
  /// Names the claim that gave the message to this process.
  var claim: String
  /// True where the last message to the destination had no success.
  var isProbe: Bool
}

/// What became of an attempt.
public enum SendAnswer: Sendable, Hashable {
  /// The receiver has it.
  case delivered
  /// The receiver cannot be reached, or may take it later.
  /// - after: what the receiver asked for (`Retry-After`); nothing goes to the destination before.
  case retry(after: Duration? = nil, reason: String)
  /// The receiver will never take this message. It is not sent again.
  case rejected(reason: String)
}

/// A message that will not be sent any more.
public struct DeadMessage: Sendable, Hashable {
  public enum Cause: String, Sendable, Hashable {
    case rejected = "Rejected"
    /// Too many attempts, or too old.
    case givenUp = "GivenUp"
  }

  public var message: OutboxMessage
  public var attempts: Int
  public var createdAt: Timestamp
  public var cause: Cause
  /// For a person to read.
  public var reason: String
}

/// A message that the outbox cannot keep.
public struct OutboxMessageError: Error, Sendable, Hashable, CustomStringConvertible {
  public var id: String
  public var field: String

  public var description: String {
    "the \(field) of outbox message \(id) holds the character NUL (U+0000), which the database cannot keep as text"
  }
}
