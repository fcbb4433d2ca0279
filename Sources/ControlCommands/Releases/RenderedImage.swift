/// An image that a chart or a bundle runs.
struct RenderedImage: Hashable {
  /// The Compose service, or the container.
  var service: String
  /// As it stands there.
  var reference: String
  /// The chart's value that pins it; nil where there is none.
  var digestValue: String?
}
