import ResourceModel

/// Forms of text that several fields share.
extension Schema.StringRules {
  static let semanticVersion = Schema.StringRules(
    pattern: [
      #"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"#,
      #"(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?"#,
      #"(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$"#,
    ].joined(),
    patternMeaning: "be a semantic version such as \"2.3.0\" or \"2.3.0-rc.1\"", minimumLength: 1, maximumLength: 64)

  /// Parts between slashes, none of which is empty, `.` or `..`: a bucket may be a folder, and nothing may lead out of it.
  static let bucketKey: Schema.StringRules = {
    let excluded = #"/\\\x00-\x1F\x7F"#
    let part = "([^.\(excluded)]|\\.[^.\(excluded)]|\\.\\.[^\(excluded)])[^\(excluded)]*"
    return Schema.StringRules(
      pattern: "^\(part)(/\(part))*$",
      patternMeaning:
        "be a key within the bucket: no '/' at its start or end, no '.', '..' or nothing between two '/', no '\\'",
      minimumLength: 1, maximumLength: 1024)
  }()

  static let imageTag = Schema.StringRules(
    pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$",
    patternMeaning: "be an image tag: at most 128 letters, digits, '_', '.' and '-', starting with none of '.' and '-'")

  static let composeProject = Schema.StringRules(
    pattern: "^[a-z0-9][a-z0-9_-]*$",
    patternMeaning:
      "be a Compose project name: lower-case letters, digits, '-' and '_', starting with a letter or digit",
    minimumLength: 1, maximumLength: 63)

  static let helmRelease = Schema.StringRules(
    pattern: #"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"#,
    patternMeaning:
      "be a Helm release name: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit",
    minimumLength: 1, maximumLength: 53)

  static let configKey = Schema.StringRules(
    pattern: "^[-._a-zA-Z0-9]+$",
    patternMeaning: "be a key of a Secret or ConfigMap: letters, digits, '-', '_' and '.'", minimumLength: 1,
    maximumLength: 253)

  static let jsonPointer = Schema.StringRules(
    pattern: "^(/([^~/]|~0|~1)*)+$",
    patternMeaning: "be a JSON pointer such as \"/spec/replicas\" ('~' and '/' within a name are written ~0 and ~1)",
    minimumLength: 1, maximumLength: 1024)
}
