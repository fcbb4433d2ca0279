public import WireFormats

extension ObjectMeta {
  /// Most bytes of all annotations of an object together, keys and values.
  public static let maximumAnnotationByteCount = 256 << 10

  /// What is wrong with an object's `metadata`: types first, and where those are right, Kubernetes' rules for names,
  /// labels, annotations, finalizers.
  public static func validate(_ metadata: JSONValue?, at path: String = "metadata") -> [FieldError] {
    guard let metadata, metadata != .null else { return [.required(path)] }
    let typeErrors = Self.schema.validate(metadata, at: path)
    guard typeErrors.isEmpty else { return typeErrors }
    var errors: [FieldError] = []
    if let name = metadata["name"]?.string, !name.isEmpty {
      errors += NameRules.subdomainProblems(name).map { .invalid("\(path).name", name, $0) }
    } else {
      errors.append(.required("\(path).name", "name or generateName is required"))
    }
    if let namespace = metadata["namespace"]?.string {
      errors += NameRules.labelProblems(namespace).map { .invalid("\(path).namespace", namespace, $0) }
    }
    for (key, value) in sorted(metadata["labels"]) {
      errors += NameRules.qualifiedNameProblems(key).map { .invalid("\(path).labels", key, $0) }
      errors += NameRules.labelValueProblems(value).map { .invalid("\(path).labels[\(key)]", value, $0) }
    }
    errors += validateAnnotations(sorted(metadata["annotations"]), at: "\(path).annotations")
    errors += validateFinalizers(metadata["finalizers"]?.array?.compactMap(\.string) ?? [], at: "\(path).finalizers")
    return Array(errors.prefix(Schema.maximumErrorCount))
  }

  private static func validateAnnotations(_ annotations: [(String, String)], at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    for (key, _) in annotations {
      errors += NameRules.qualifiedNameProblems(key.lowercased()).map { .invalid(path, key, $0) }
    }
    let size = annotations.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count }
    if size > maximumAnnotationByteCount { errors.append(.tooLong(path, maximumBytes: maximumAnnotationByteCount)) }
    return errors
  }

  private static func validateFinalizers(_ finalizers: [String], at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for (index, finalizer) in finalizers.enumerated() {
      let field = "\(path)[\(index)]"
      errors += NameRules.qualifiedNameProblems(finalizer).map { .invalid(field, finalizer, $0) }
      if !seen.insert(finalizer).inserted { errors.append(.duplicate(field, finalizer)) }
    }
    return errors
  }

  private static func sorted(_ map: JSONValue?) -> [(String, String)] {
    (map?.object ?? [:]).map { ($0.key, $0.value.string ?? "") }.sorted { $0.0 < $1.0 }
  }

  /// The name for an object that asks for one with `generateName`: the prefix, shortened to 58 bytes, and five random
  /// characters that spell no words.
  public static func generatedName(prefix: String, using generator: inout some RandomNumberGenerator) -> String {
    let alphabet = Array("bcdfghjklmnpqrstvwxz2456789")
    var name = prefix
    while name.utf8.count > 58 { name.removeLast() }
    for _ in 0..<5 { name.append(alphabet[Int.random(in: alphabet.indices, using: &generator)]) }
    return name
  }
}
