public import ResourceModel

/// `limit` and `continue` of a list: where the next page begins is said by the last element of the one before, so that
/// no page costs more than another.
public struct PageRequest: Sendable, Hashable {
  public static let maximumLimit = 500
  private static let defaultLimit = 100

  public var limit: Int
  /// Of the page before.
  public var token: String?

  public init(_ query: String?) throws(StatusError) {
    let items = try QueryItems(query)
    let limit = try items.number("limit") ?? Int64(Self.defaultLimit)
    guard (1...Int64(Self.maximumLimit)).contains(limit) else {
      throw StatusError(.badRequest, "the query parameter limit must be from 1 to \(Self.maximumLimit)")
    }
    self.limit = Int(limit)
    token = items["continue"]
  }

  public static let invalidToken = StatusError(
    .badRequest, "the query parameter continue is not what a page before has said; begin without it")

  /// - Parameter elements: one more than `limit` where there are more.
  public func page<Element>(_ elements: [Element], token: (Element) -> String) -> (
    elements: ArraySlice<Element>, next: String?
  ) {
    guard elements.count > limit else { return (elements[...], nil) }
    let page = elements.prefix(limit)
    return (page, page.last.map(token))
  }
}
