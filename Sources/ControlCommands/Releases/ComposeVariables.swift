import ComposeBundles
import DeploymentPlanning

/// The variables of Compose files, where Compose itself is not there to set them: `$NAME`, `${NAME}` and the forms with `:-`,
/// `-`, `:?`, `?`, `:+` and `+`.
struct ComposeVariables {
  private(set) var values: [String: String] = [:]

  init(settings: EnvironmentFile, imageTags: [String: String]) {
    for name in settings.names { values[name] = settings[name] }
    values.merge(ImageTagVariables.variables(for: imageTags)) { _, tag in tag }
  }

  func interpolated(_ text: String, service: String) throws(CommandFailure) -> String {
    var output = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      output += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      if rest.first == "$" {
        output += "$"
        rest = rest.dropFirst()
      } else if rest.first == "{" {
        guard let end = Self.end(of: rest) else { throw malformed(text, service) }
        output += try value(of: rest[rest.index(after: rest.startIndex)..<end], text, service)
        rest = rest[rest.index(after: end)...]
      } else {
        let name = rest.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }
        guard !name.isEmpty else { throw malformed(text, service) }
        output += try set(String(name), service)
        rest = rest[name.endIndex...]
      }
    }
    return output + rest
  }

  /// Of the brace that closes the first one; a default may hold variables itself.
  private static func end(of text: Substring) -> String.Index? {
    var depth = 0
    for index in text.indices {
      if text[index] == "{" { depth += 1 }
      if text[index] == "}" {
        depth -= 1
        if depth == 0 { return index }
      }
    }
    return nil
  }

  private func value(of expression: Substring, _ text: String, _ service: String) throws(CommandFailure) -> String {
    let name = String(expression.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) })
    guard !name.isEmpty else { throw malformed(text, service) }
    var operation = expression.dropFirst(name.count)
    guard !operation.isEmpty else { return try set(name, service) }
    let treatsEmptyAsUnset = operation.first == ":"
    if treatsEmptyAsUnset { operation = operation.dropFirst() }
    let present = values[name].flatMap { treatsEmptyAsUnset && $0.isEmpty ? nil : $0 }
    let word = String(operation.dropFirst())
    switch operation.first {
    case "-":
      if let present { return present }
      return try interpolated(word, service: service)
    case "+": return present == nil ? "" : try interpolated(word, service: service)
    case "?":
      guard let present else { throw unset(name, service) }
      return present
    default: throw malformed(text, service)
    }
  }

  /// Compose would go on with nothing in its place, which is no image.
  private func set(_ name: String, _ service: String) throws(CommandFailure) -> String {
    guard let value = values[name] else { throw unset(name, service) }
    return value
  }

  private func unset(_ name: String, _ service: String) -> CommandFailure {
    CommandFailure(
      "the image of the service \(printable(service)) needs the variable \(name), which is not set",
      hint: name.hasSuffix("_IMAGE_TAG")
        ? "Give its tag with --image-tag SERVICE=TAG." : "Set it in a file given with --env FILE.")
  }

  private func malformed(_ text: String, _ service: String) -> CommandFailure {
    CommandFailure(
      "the image of the service \(printable(service)), \(printable(text)), has a variable that is malformed")
  }
}
