/// The labels of one series in the order in which they are written.
struct MetricLabels: Sendable, Hashable {
  /// `name="value"` pairs, parted by commas, escaped; empty where there are no labels.
  let text: String

  init(_ labels: [(String, String)]) {
    var seen: Set<String> = []
    let named = labels.map { (PrometheusWriter.labelName($0.0), $0.1) }.filter { seen.insert($0.0).inserted }
    text = named.sorted { $0.0 < $1.0 }.map { "\($0.0)=\"\(PrometheusWriter.escapedLabelValue($0.1))\"" }
      .joined(separator: ",")
  }
}

/// Builds the Prometheus text exposition format, version 0.0.4.
struct PrometheusWriter {
  /// The media type of the text.
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private(set) var text = ""

  mutating func family(_ name: String, help: String?, type: String) {
    if let help {
      let escaped = Self.escaped(help, quotes: false)
      text += "# HELP \(name) \(escaped)\n"
    }
    text += "# TYPE \(name) \(type)\n"
  }

  mutating func sample(_ name: String, _ labels: MetricLabels, le bound: String? = nil, value: Double) {
    sample(name, labels, le: bound, text: Self.text(of: value))
  }

  mutating func sample(_ name: String, _ labels: MetricLabels, le bound: String? = nil, value: Int64) {
    sample(name, labels, le: bound, text: String(value))
  }

  private mutating func sample(_ name: String, _ labels: MetricLabels, le bound: String?, text value: String) {
    text += name
    if let bound {
      text += labels.text.isEmpty ? "{le=\"\(bound)\"}" : "{\(labels.text),le=\"\(bound)\"}"
    } else if !labels.text.isEmpty {
      text += "{\(labels.text)}"
    }
    text += " \(value)\n"
  }

  static func text(of value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value), abs(value) < 1e15 { return String(whole) }
    return "\(value)"
  }

  /// `name` with what Prometheus does not allow in a metric's name replaced by `_`.
  static func metricName(_ name: String) -> String { sanitized(name) { $0 == ":" } }

  static func labelName(_ name: String) -> String { sanitized(name) { _ in false } }

  private static func sanitized(_ name: String, also isAllowed: (Unicode.Scalar) -> Bool) -> String {
    var result = ""
    for scalar in name.unicodeScalars {
      switch scalar {
      case "a"..."z", "A"..."Z", "_": result.unicodeScalars.append(scalar)
      case "0"..."9":
        if result.isEmpty { result = "_" }
        result.unicodeScalars.append(scalar)
      default: result.unicodeScalars.append(isAllowed(scalar) ? scalar : "_")
      }
    }
    return result.isEmpty ? "_" : result
  }

  static func escapedLabelValue(_ value: String) -> String { escaped(value, quotes: true) }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
