/// The last deliveries, so that a repeated one is known: each id once, the oldest forgotten first.
public struct DeliveryMemory: Sendable, Hashable {
  private var ids: Set<String> = []
  /// In the order in which they came, from `oldest` on around.
  private var order: [String] = []
  private var oldest = 0
  public let capacity: Int

  public init(capacity: Int = 2048) { self.capacity = max(capacity, 1) }

  /// - Returns: false where it came before.
  public mutating func insert(_ id: String) -> Bool {
    guard ids.insert(id).inserted else { return false }
    if order.count < capacity {
      order.append(id)
    } else {
      ids.remove(order[oldest])
      order[oldest] = id
      oldest = (oldest + 1) % capacity
    }
    return true
  }

  /// How many are known.
  public var count: Int { ids.count }
}
