import WireFormats

/// The paths of a customer's Backend that are about no object.
enum AdminPath {
  static let releases = "/api/admin/deployment/releases"
  static let schedule = "/api/admin/deployment/schedule"
  static let cancel = "/api/admin/deployment/cancel"
  static let decline = "/api/admin/deployment/decline"
  static let rollback = "/api/admin/deployment/rollback"
  static func nextWindows(_ count: Int) -> String { "/api/admin/windows/next?count=\(count)" }
}
