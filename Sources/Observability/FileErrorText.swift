import FoundationEssentials

/// What a file operation failed of, in a few words: Foundation's own description is for programmers.
public func fileErrorText(_ error: any Error) -> String {
  guard let error = error as? CocoaError else { return "\(error)" }
  return switch error.code {
  case .fileNoSuchFile, .fileReadNoSuchFile: "no such file or folder"
  case .fileReadNoPermission, .fileWriteNoPermission: "permission denied"
  case .fileWriteOutOfSpace: "no space is left"
  case .fileWriteFileExists: "something of that name is there already"
  case .fileWriteVolumeReadOnly: "the file system is read-only"
  default: "the system refused it (file error \(error.code.rawValue))"
  }
}
