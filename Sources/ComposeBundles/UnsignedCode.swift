package import WireFormats

/// What a Compose file may have the host run besides the images that a manifest lists.
package enum UnsignedCode {
  /// Why a resolved Compose file is refused where only what was signed may run; nil where it is not.
  package static func refusal(of file: JSONValue) -> BundleFault? {
    for (name, service) in (file["services"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
      if isSet(service["build"]) {
        return BundleFault(
          "BuildNotSigned",
          """
          Service \(name) is built on this host (build:), so that nobody signed what it runs. The vendor has to build the \
          image, push it and list it in the manifest
          """)
      }
      if isSet(service["provider"]) {
        return BundleFault(
          "ProviderNotSigned",
          """
          Service \(name) has a program of this host run it (provider:), which no manifest lists. The vendor has to take \
          it out of the bundle
          """)
      }
      if isSet(service["develop"]) {
        return BundleFault(
          "DevelopNotSigned",
          """
          Service \(name) is set up for development (develop:), which replaces what its image holds. The vendor has to \
          take it out of the bundle
          """)
      }
      if isSet(service["models"]) { return models }
      if (service["volumes"]?.array ?? []).contains(where: { $0["type"]?.string == "image" }) {
        return BundleFault(
          "ImageVolumeNotSigned",
          """
          Service \(name) mounts an image as a volume, which is not started by a signed digest. The vendor has to bring \
          those files in the bundle or in the service's own image
          """)
      }
    }
    return isSet(file["models"]) ? models : nil
  }

  private static let models = BundleFault(
    "ModelNotSigned",
    "The bundle names models, which a program of this host fetches and no manifest lists. The vendor has to take them out"
  )

  private static func isSet(_ value: JSONValue?) -> Bool { value.map { $0 != .null } ?? false }
}
