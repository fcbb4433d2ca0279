import FoundationEssentials

/// An unpacked chart: the folder that holds Chart.yaml.
struct HelmChart: Sendable, Hashable {
  var folder: String

  /// Finds Chart.yaml in `folder` or in the one folder inside it.
  init(folder: String) throws(RuntimeFailure) {
    let manager = FileManager.default
    if manager.fileExists(atPath: "\(folder)/Chart.yaml") {
      self.folder = folder
      return
    }
    let candidates = ((try? manager.contentsOfDirectory(atPath: folder)) ?? []).filter {
      manager.fileExists(atPath: "\(folder)/\($0)/Chart.yaml")
    }
    guard candidates.count == 1 else {
      throw RuntimeFailure(
        kind: .permanent, reason: "InvalidChart",
        message: "The artifact is no Helm chart: it holds \(candidates.isEmpty ? "no" : "more than one") Chart.yaml")
    }
    self.folder = "\(folder)/\(candidates[0])"
  }
}
