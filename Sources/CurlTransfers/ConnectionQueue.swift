/// Who may have a connection now, and who waits for one. Hosts for which somebody waits take turns, so that one for which
/// thousands wait does not keep the others from theirs.
///
/// libcurl has such limits too. But what waits in its list has no timeout, and where the first of the list waits for its
/// host, those behind it wait for nothing.
struct ConnectionQueue<Member: Hashable> {
  private let total: Int
  private let perHost: Int
  private var used = 0
  private var hosts: [String: Host] = [:]
  /// Hosts that may have a connection as soon as one is free, each once.
  private var turns = FIFO<String>()

  private struct Host {
    var used = 0
    var waiting = FIFO<Member>()
    var hasTurn = false
  }

  init(_ limits: ClientConnectionLimits) {
    total = limits.total ?? .max
    perHost = limits.perHost ?? .max
  }

  /// True where the member may begin; otherwise it waits until `next` names it.
  mutating func enter(_ member: Member, host name: String) -> Bool {
    var host = hosts[name] ?? Host()
    defer { hosts[name] = host }
    if used < total && host.used < perHost {
      // Whoever waits has been let in before, unless a limit kept it back.
      used += 1
      host.used += 1
      return true
    }
    host.waiting.append(member)
    takeTurn(name, &host)
    return false
  }

  /// Frees the connection of somebody who was let in.
  mutating func leave(host name: String) {
    guard var host = hosts[name] else { return }
    used -= 1
    host.used -= 1
    takeTurn(name, &host)
    keep(name, host)
  }

  /// Takes out somebody who waits.
  mutating func remove(_ member: Member, host name: String) {
    guard var host = hosts[name] else { return }
    host.waiting.remove(member)
    keep(name, host)
  }

  /// Lets in the next one who waits and may begin.
  mutating func next() -> Member? {
    while used < total, let name = turns.popFirst() {
      guard var host = hosts[name] else { continue }
      host.hasTurn = false
      guard host.used < perHost, let member = host.waiting.popFirst() else {
        keep(name, host)
        continue
      }
      used += 1
      host.used += 1
      takeTurn(name, &host)
      hosts[name] = host
      return member
    }
    return nil
  }

  private mutating func takeTurn(_ name: String, _ host: inout Host) {
    guard !host.hasTurn, host.used < perHost, !host.waiting.isEmpty else { return }
    host.hasTurn = true
    turns.append(name)
  }

  private mutating func keep(_ name: String, _ host: Host) {
    // One that has a turn goes when its turn comes.
    hosts[name] = host.used == 0 && host.waiting.isEmpty && !host.hasTurn ? nil : host
  }
}

/// An array whose front costs nothing to take.
private struct FIFO<Element> {
  private var elements: [Element] = []
  private var start = 0

  var isEmpty: Bool { start == elements.count }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard start < elements.count else { return nil }
    let first = elements[start]
    start += 1
    if start * 2 >= elements.count {
      elements.removeFirst(start)
      start = 0
    }
    return first
  }
}

extension FIFO where Element: Equatable {
  mutating func remove(_ element: Element) {
    guard let index = elements[start...].firstIndex(of: element) else { return }
    elements.remove(at: index)
  }
}
