/// What an archive may hold at most. The defaults leave much room for a Helm chart or a Compose bundle.
public struct ArchiveLimits: Sendable, Hashable {
  /// Files and folders together.
  public var maximumEntries: Int
  /// The bytes of all files together, unpacked.
  public var maximumTotalBytes: Int64
  /// The bytes of one file, unpacked.
  public var maximumEntryBytes: Int64
  /// The bytes of one path.
  public var maximumPathLength: Int
  /// How deeply folders may lie in each other.
  public var maximumDepth: Int
  /// By how much data may grow when unpacked, once it exceeds `ratioFreeBytes`; text seldom grows more than fiftyfold.
  public var maximumCompressionRatio: Int
  /// Up to so many unpacked bytes the ratio does not matter.
  public var ratioFreeBytes: Int64

  public init(
    maximumEntries: Int = 10_000, maximumTotalBytes: Int64 = 256 << 20, maximumEntryBytes: Int64 = 64 << 20,
    maximumPathLength: Int = 1024, maximumDepth: Int = 32, maximumCompressionRatio: Int = 200,
    ratioFreeBytes: Int64 = 8 << 20
  ) {
    self.maximumEntries = maximumEntries
    self.maximumTotalBytes = maximumTotalBytes
    self.maximumEntryBytes = maximumEntryBytes
    self.maximumPathLength = maximumPathLength
    self.maximumDepth = maximumDepth
    self.maximumCompressionRatio = maximumCompressionRatio
    self.ratioFreeBytes = ratioFreeBytes
  }
}
