import Cryptography
import DeploymentPlanning
import SystemPackage

extension ProjectDirectory {
  typealias Difference = EnvironmentObservation.FileDifference

  /// Where the project's folder is not as it was laid. A file that containers may write may hold anything but nothing.
  /// - Parameter containers: of the project.
  func differences(for containers: [EngineContainer]) throws(RuntimeFailure) -> [Difference] {
    guard let record = try record() else {
      let isUsed = containers.contains { $0.mounts.contains { $0.source.hasPrefix("\(folder)/") } }
      return isUsed ? [Difference(path: folder, change: .unknown)] : []
    }
    guard let tree = try? FolderTree(folder) else {
      return record.entries.isEmpty ? [] : [Difference(path: folder, change: .missing)]
    }
    do throws(Errno) {
      var differences: [Difference] = []
      for (path, entry) in record.entries.sorted(by: { $0.key < $1.key }) {
        if let change = try change(of: path, entry, in: tree) {
          differences.append(Difference(path: "\(folder)/\(path)", change: change))
        }
      }
      return differences
    } catch {
      throw WorkingDirectory.failure(error.rawValue, "look at \(folder)")
    }
  }

  private func change(
    of path: String, _ entry: BundleRecord.Entry, in tree: borrowing FolderTree
  ) throws(Errno) -> Difference.Change? {
    switch try tree.entry(path) {
    case nil: return .missing
    case .folder: return entry.isFolder ? nil : .replaced
    case .other: return .replaced
    case .file(let stamp):
      if entry.isFolder { return .replaced }
      if stamp == entry.stamp { return nil }
      if entry.isWritable, stamp.size > 0 { return nil }
      return entry.sha256.contains(try tree.digest(path).hexadecimal) ? nil : .changed
    }
  }

  /// Services whose containers are older than what they mount: they still use what lay there before, which may be gone.
  /// Those are left out that Compose recreates anyway, in its own order, because another content is to be mounted.
  /// - Parameter labels: what each service's label is to say.
  func servicesWithFormerFiles(
    _ mounts: BundleMounts, labels: [String: String], _ containers: [EngineContainer]
  ) throws(RuntimeFailure) -> [String] {
    guard let record = try record() else { return [] }
    return mounts.mounts.compactMap { service, mounts in
      guard let laidAt = record.lastLaid(below: mounts.map(\.path)) else { return nil }
      let isFormer = containers.contains { container in
        container.service == service && !container.isOneOff && container.createdAt < laidAt
          && container.mountedFiles == labels[service]
      }
      return isFormer ? service : nil
    }.sorted()
  }
}
