import ResourceModel

/// Forms of text that several fields share.
extension Schema.StringRules {
  private static let versionPattern = [
    #"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"#,
    #"(-(0|[1-9][0-9]*|[0-9]*[a-z-][0-9a-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-z-][0-9a-z-]*))*)?"#,
  ].joined()

  static let releaseVersion = Schema.StringRules(
    pattern: "^\(versionPattern)$",
    patternMeaning:
      "be a semantic version in lower case, without a leading v and without build metadata, such as \"2.3.0\" or \"2.3.0-rc.1\"",
    minimumLength: 1, maximumLength: 64)

  /// Empty where the release has no such image.
  static let imageTag = Schema.StringRules(
    pattern: "^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$",
    patternMeaning: "be an image tag: at most 128 letters, digits, '_', '.' and '-', starting with none of '.' and '-'")

  static let webAddress = Schema.StringRules(
    pattern: #"^https?://[^\x00-\x20/?#@"<>\\]+([/?][^\x00-\x20#"<>\\]*)?$"#,
    patternMeaning:
      "be an http or https address without credentials, such as \"https://example.com/api/deployment/webhook\"",
    minimumLength: 1, maximumLength: 2048)

  static let stageName = Schema.StringRules(
    pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    patternMeaning: "be a stage's name: lower-case letters, digits and '-', starting and ending with one of the former",
    minimumLength: 1, maximumLength: 63)
}

extension Schema {
  static func text(_ description: String, atMost maximumLength: Int = 256) -> Schema {
    .string(StringRules(maximumLength: maximumLength), Documentation(description))
  }

  static let conditions = Schema.array(
    of: .object(
      properties: [
        "type": .string(Documentation("What the condition is about, for example Ready.")),
        "status": .string(
          StringRules(enumeration: ["True", "False", "Unknown"]), Documentation("Whether it holds.")),
        "observedGeneration": .count("The generation it speaks of."),
        "lastTransitionTime": .time("When its status last changed."),
        "reason": .string(Documentation("Why, in one word in CamelCase.")),
        "message": .string(Documentation("Why, in a sentence a person can act on.")),
      ], required: ["type", "status", "lastTransitionTime", "reason", "message"]),
    maximumCount: 16, Documentation("What was last observed, one entry a type.", listKey: "type"))
}

extension PrinterColumn {
  static let age = PrinterColumn(
    name: "Age", type: .date, jsonPath: ".metadata.creationTimestamp", description: "How long the object has existed.")
}
