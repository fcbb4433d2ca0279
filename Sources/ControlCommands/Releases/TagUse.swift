/// Whether the tags of `--image-tag` are those of services that a release has.
struct TagUse {
  /// Services whose tag the chart or the bundle takes.
  var used: Set<String> = []
  /// Services that there are, as far as they can be named.
  var services: Set<String> = []

  mutating func formUnion(_ other: TagUse) {
    used.formUnion(other.used)
    services.formUnion(other.services)
  }

  /// - Throws: where a tag would be signed that nothing runs, as where the service is misspelt.
  func check(_ tagged: some Collection<String>) throws(CommandFailure) {
    let unused = tagged.filter { !used.contains($0) }.sorted()
    guard !unused.isEmpty else { return }
    let nearest = unused.compactMap { name in Self.nearest(to: name, among: services.subtracting(tagged)) }
    let names = unused.map { printable($0) }.joined(separator: ", ")
    let guess = nearest.isEmpty ? "" : "Is \(nearest.map { printable($0) }.joined(separator: ", ")) meant? "
    throw CommandFailure(
      "--image-tag \(names): neither chart nor bundle takes a tag of that service",
      hint: "\(guess)The services are: \(services.sorted().map { printable($0) }.joined(separator: ", ")).")
  }

  /// The one that could be meant; nil where none is alike.
  static func nearest(to name: String, among services: Set<String>) -> String? {
    let plain = { (text: String) in text.lowercased().filter { $0.isLetter || $0.isNumber } }
    let distances = services.map { (service: $0, distance: Self.distance(plain(name), plain($0))) }
    let best = distances.min { ($0.distance, $0.service) < ($1.distance, $1.service) }
    return best.flatMap { $0.distance <= max(1, name.count / 3) ? $0.service : nil }
  }

  /// How many characters have to be put in, taken out or replaced.
  private static func distance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var row = Array(0...right.count)
    for (index, character) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in right.indices {
        let replaced = diagonal + (character == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
      }
    }
    return row[right.count]
  }
}
