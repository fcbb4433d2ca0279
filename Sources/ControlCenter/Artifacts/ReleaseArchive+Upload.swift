import Archives
import FleetPlanning
import ReleaseArchives
import ResourceModel

extension ReleaseArchive {
  /// Whether an upload is what it was sent as.
  func check(_ upload: ArtifactUpload) async throws(StatusError) {
    let (type, fault) = (upload.key.type, try await self.fault(of: upload))
    if let fault { throw StatusError(.invalid, "file: the \(type.name) cannot be used: \(fault)") }
  }

  private func fault(of upload: ArtifactUpload) async throws(StatusError) -> String? {
    do throws(ArchiveError) {
      return try await fault(
        ofFile: upload.file.path, runtime: upload.key.type.runtime, version: upload.key.version.text)
    } catch {
      if error.isTransient { throw StatusError(.serviceUnavailable, "the upload cannot be read: \(error.message)") }
      throw StatusError(.invalid, "file: the \(upload.key.type.name) cannot be used: \(error)")
    }
  }
}
