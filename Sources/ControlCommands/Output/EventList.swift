import CoreKinds
import DeploymentKinds
import ResourceModel
import WireFormats

/// Events as a table, in the order in which they last happened.
struct EventList {
  static let header = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]

  private let events: [Event]
  private let now: Timestamp

  init(_ events: [Event], now: Timestamp) {
    self.events = events.sorted {
      (Self.moment($0), $0.metadata.name) < (Self.moment($1), $1.metadata.name)
    }
    self.now = now
  }

  func render(indentation: Int = 0, showsNamespace: Bool = false) -> String {
    if events.isEmpty { return String(repeating: " ", count: indentation) + "none\n" }
    return TextTable.render(
      header: (showsNamespace ? ["NAMESPACE"] : []) + Self.header,
      rows: events.map { Self.row($0, now: now, showsNamespace: showsNamespace) }, indentation: indentation)
  }

  static func row(_ event: Event, now: Timestamp, showsNamespace: Bool) -> [String] {
    let last = moment(event)
    var seen = HumanDuration.text(now - last)
    if let count = event.count, count > 1 {
      seen += " (x\(count) over \(HumanDuration.text(now - (event.firstTimestamp ?? last))))"
    }
    let object = "\((event.involvedObject.kind ?? "").lowercased())/\(event.involvedObject.name ?? "")"
    return (showsNamespace ? [event.metadata.namespace ?? ""] : [])
      + [seen, event.type?.rawValue ?? "", event.reason ?? "", object, event.message ?? ""]
  }

  private static func moment(_ event: Event) -> Timestamp {
    event.lastTimestamp ?? event.firstTimestamp ?? event.metadata.creationTimestamp ?? Timestamp(microseconds: 0)
  }
}
