public import Cryptography
import ResourceModel
import Threads

/// Makes and checks passwords off the threads of Swift's tasks, two at a time: each takes memory and a processor's time.
public actor PasswordWork {
  static let maximumConcurrent = 2
  static let maximumWaiting = 32

  nonisolated let cost: PasswordDigest.Cost
  private var running = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []

  public init(cost: PasswordDigest.Cost = .standard) { self.cost = cost }

  /// - Throws: `serviceUnavailable` where too many wait already.
  func digest(of password: String) async throws -> PasswordDigest {
    let (bytes, cost) = (PasswordRules.bytes(password), cost)
    return try await run { PasswordDigest(of: bytes, cost: cost) }
  }

  /// Takes as long where there is no digest.
  /// - Throws: `serviceUnavailable` where too many wait already.
  func isRight(_ password: String, for text: String?) async throws -> Bool {
    let digest = text.flatMap { PasswordDigest(text: $0) }
    let checked = digest ?? .unmatchable(cost: cost)
    let isPossible = digest != nil && password.utf8.count <= PasswordRules.maximumByteCount
    let bytes = isPossible ? PasswordRules.bytes(password) : [0]
    return try await run { checked.matches(bytes) } && isPossible
  }

  private func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async throws -> Value {
    if running >= Self.maximumConcurrent {
      guard waiting.count < Self.maximumWaiting else {
        throw StatusError(
          .serviceUnavailable, "many sign in at this moment, please try again", retryAfterSeconds: 2)
      }
      // Whoever ends hands the place on.
      await withCheckedContinuation { waiting.append($0) }
    } else {
      running += 1
    }
    let value = await onOwnThread(work)
    if waiting.isEmpty { running -= 1 } else { waiting.removeFirst().resume() }
    return value
  }
}
