public import WireFormats

/// A time in which deployments may begin, without a gap.
public struct Opening: Sendable, Hashable {
  public var start: Timestamp
  /// Nil where it lasts longer than a week.
  public var end: Timestamp?
  /// By whose clocks it begins.
  public var zone: CalendarZone
}

extension MaintenanceCalendar {
  /// The next times from which deployments may begin, soonest first. Each window is there once each time that it comes, also
  /// where a change of clocks or a freeze divides it; windows that overlap or follow each other are one opening.
  /// - Parameter count: at most this many.
  /// - Returns: fewer where there are no more within ten years.
  public func next(after moment: Timestamp, count: Int) -> [Opening] {
    guard count > 0, !(windows.isEmpty && freezes.isEmpty) else { return [] }
    let second = moment.floorSeconds
    // Most calendars have windows every few days.
    for days: Int64 in [35, 370, Self.horizonDays] {
      let limit = second + days * 86_400
      var counted: Set<Occurrence> = []
      var found: [Opening] = []
      for component in components(second..<limit) where component.moments.lowerBound > second {
        guard component.moments.lowerBound < limit, found.count < count else { break }
        let isNew = component.occurrences.contains { !counted.contains($0) }
        counted.formUnion(component.occurrences)
        guard isNew else { continue }
        found.append(opening(component))
      }
      if found.count >= count { return found }
      if days == Self.horizonDays { return found }
    }
    return []
  }

  /// The opening that holds a moment; nil where nothing may begin then. Its beginning may be later than the true one where that
  /// is days ago.
  public func opening(at moment: Timestamp) -> Opening? {
    let second = moment.floorSeconds
    return components(second..<second + 86_400).first { $0.moments.contains(second) }.map(opening)
  }

  private func opening(_ component: Component) -> Opening {
    let (start, end) = (component.moments.lowerBound, component.moments.upperBound)
    let isEndless = end - start > Self.longestOpeningDays * 86_400
    return Opening(
      start: Timestamp(seconds: start), end: isEndless ? nil : Timestamp(seconds: end), zone: component.zone)
  }

  /// One coming of one window.
  private struct Occurrence: Hashable {
    var window: Int
    /// The local day on which it begins.
    var day: Int64
  }

  private struct Component {
    var moments: Range<Int64>
    var occurrences: [Occurrence]
    var zone: CalendarZone
  }

  /// Days around a range that are looked at beside it: a window's local day lies at most two days from its moments.
  private static let margin: Int64 = 3

  /// What is open, in order: complete from the range's beginning to a week after its end.
  private func components(_ range: Range<Int64>) -> [Component] {
    let days =
      range.lowerBound.floorDivided(by: 86_400) - Self.margin...range.upperBound.floorDivided(by: 86_400)
      + Self.margin + Self.longestOpeningDays
    let all = days.lowerBound * 86_400..<days.upperBound * 86_400
    guard windows.isEmpty else { return union(of: without(frozen(all), occurrences(days))) }
    guard let zone = freezes.first?.zone else { return [] }
    return without(frozen(all), [Component(moments: all, occurrences: [], zone: zone)])
  }

  private func occurrences(_ days: ClosedRange<Int64>) -> [Component] {
    var found: [Component] = []
    for (index, window) in windows.enumerated() {
      var days = days
      if case .once(let first)? = window.dates?.first, case .once(let last)? = window.dates?.last {
        guard first.daysSinceEpoch <= days.upperBound, last.daysSinceEpoch >= days.lowerBound else { continue }
        days = days.clamped(to: first.daysSinceEpoch...last.daysSinceEpoch)
      }
      var timeline = LocalTimeline(
        segments: window.zone.rules.segments((days.lowerBound - 2) * 86_400..<(days.upperBound + 4) * 86_400))
      for day in days {
        guard let local = window.occurrence(on: day) else { continue }
        for moments in timeline.moments(local: local) {
          found.append(
            Component(moments: moments, occurrences: [Occurrence(window: index, day: day)], zone: window.zone))
        }
      }
    }
    return found.sorted { $0.moments.lowerBound < $1.moments.lowerBound }
  }

  /// - Parameter components: in order of their beginnings.
  private func union(of components: [Component]) -> [Component] {
    var merged: [Component] = []
    for component in components {
      guard let last = merged.last, component.moments.lowerBound <= last.moments.upperBound else {
        merged.append(component)
        continue
      }
      merged[merged.count - 1].moments =
        last.moments.lowerBound..<max(last.moments.upperBound, component.moments.upperBound)
      merged[merged.count - 1].occurrences += component.occurrences
    }
    return merged
  }

  /// Times of freezes without those between them, in order, with the zone by whose clocks each ends.
  private func frozen(_ range: Range<Int64>) -> [(moments: Range<Int64>, zone: CalendarZone)] {
    let local = range.lowerBound - TimeZoneRules.offsetBound..<range.upperBound + TimeZoneRules.offsetBound
    var found: [(moments: Range<Int64>, zone: CalendarZone)] = []
    for freeze in freezes {
      for occurrence in freeze.occurrences(overlapping: local) where occurrence.overlaps(local) {
        // Only what is in the range: a freeze may last for decades.
        for moments in freeze.zone.rules.moments(local: occurrence.clamped(to: local)) {
          found.append((moments, freeze.zone))
        }
      }
    }
    var merged: [(moments: Range<Int64>, zone: CalendarZone)] = []
    for freeze in found.sorted(by: { $0.moments.lowerBound < $1.moments.lowerBound }) {
      guard let last = merged.last, freeze.moments.lowerBound <= last.moments.upperBound else {
        merged.append(freeze)
        continue
      }
      guard freeze.moments.upperBound > last.moments.upperBound else { continue }
      merged[merged.count - 1] = (last.moments.lowerBound..<freeze.moments.upperBound, freeze.zone)
    }
    return merged
  }

  private func without(
    _ frozen: [(moments: Range<Int64>, zone: CalendarZone)], _ components: [Component]
  ) -> [Component] {
    var open: [Component] = []
    var firstFreeze = 0
    for component in components {
      var (start, zone) = (component.moments.lowerBound, component.zone)
      let end = component.moments.upperBound
      func add(until end: Int64) {
        guard start < end else { return }
        // Without windows every end of a freeze counts.
        let own = windows.isEmpty ? [Occurrence(window: -1, day: Int64(open.count))] : component.occurrences
        open.append(Component(moments: start..<end, occurrences: own, zone: zone))
      }
      while firstFreeze < frozen.count, frozen[firstFreeze].moments.upperBound <= start { firstFreeze += 1 }
      for freeze in frozen[firstFreeze...] {
        if freeze.moments.lowerBound >= end { break }
        add(until: freeze.moments.lowerBound)
        start = freeze.moments.upperBound
        if windows.isEmpty { zone = freeze.zone }
      }
      add(until: end)
    }
    // What is left of one may begin after what follows it.
    open.sort { $0.moments.lowerBound < $1.moments.lowerBound }
    return open
  }
}

extension MaintenanceCalendar {
  /// When something begins that nobody waits for: soon where an opening has enough time left, and otherwise at the beginning of the
  /// next that has.
  /// - Parameters:
  ///   - earliest: the soonest that it may begin.
  ///   - room: what has to be left of the opening then.
  /// - Returns: nil where there is no such time within ten years, and where there are no windows.
  public func start(from earliest: Timestamp, room: Duration) -> Timestamp? {
    guard !windows.isEmpty else { return nil }
    func fits(_ start: Timestamp, _ opening: Opening) -> Bool { opening.end.map { $0 - start >= room } ?? true }
    if let opening = opening(at: earliest), fits(earliest, opening) { return earliest }
    // A change of clocks or a freeze may leave little of a window, but not of many.
    return next(after: earliest, count: 16).first { fits($0.start, $0) }?.start
  }
}
