/// The variables that tell a Compose file which image tags to use (spec §6.6).
public enum ImageTagVariables {
  /// `controlTower` gives `CONTROLTOWER_IMAGE_TAG`, as the specification has it, and `CONTROL_TOWER_IMAGE_TAG`.
  public static func variables(for imageTags: [String: String]) -> [String: String] {
    var variables: [String: String] = [:]
    for (service, tag) in imageTags.sorted(by: { $0.key < $1.key }) {
      for name in names(of: service) { variables["\(name)_IMAGE_TAG"] = tag }
    }
    return variables
  }

  private static func names(of service: String) -> Set<String> {
    var plain = ""
    var snake = ""
    var followsLowercase = false
    for character in service {
      guard character.isASCII, character.isLetter || character.isNumber else {
        plain += "_"
        snake += "_"
        followsLowercase = false
        continue
      }
      if character.isUppercase, followsLowercase { snake += "_" }
      followsLowercase = !character.isUppercase
      plain += character.uppercased()
      snake += character.uppercased()
    }
    return [plain, snake]
  }
}
