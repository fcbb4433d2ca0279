import Synchronization

/// How many uploads may come at the same time.
final class UploadPlaces: Sendable {
  /// One of the places, for as long as it is referred to.
  final class Place: Sendable {
    private let places: UploadPlaces

    fileprivate init(_ places: UploadPlaces) { self.places = places }

    deinit { places.free.withLock { $0 += 1 } }
  }

  private let free: Mutex<Int>

  init(_ count: Int) { free = Mutex(count) }

  /// Nil where all are taken.
  func take() -> Place? {
    free.withLock { free in
      guard free > 0 else { return nil }
      free -= 1
      return Place(self)
    }
  }
}
