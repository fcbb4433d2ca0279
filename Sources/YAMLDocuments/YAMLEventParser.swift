import CLibYAML

/// What libyaml finds in a text, one after the other.
struct YAMLEvent {
  enum Content {
    case streamStart
    case streamEnd
    case documentStart
    case documentEnd
    case alias(String)
    case scalar(Scalar)
    case sequenceStart(anchor: String?, tag: String?)
    case sequenceEnd
    case mappingStart(anchor: String?, tag: String?)
    case mappingEnd
  }

  struct Scalar {
    var text: String
    var anchor: String?
    var tag: String?
    /// True where it stands without quotation marks and is no block.
    var isPlain: Bool
  }

  var content: Content
  var mark: YAMLMark
}

/// Owns a libyaml parser over bytes that outlive it.
struct YAMLEventParser: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let bytes: UnsafeBufferPointer<UInt8>
  private let file: String

  init(_ bytes: UnsafeBufferPointer<UInt8>, file: String) {
    self.bytes = bytes
    self.file = file
    parser = .allocate(capacity: 1)
    // Fails only without memory; the parser then reports an error with its first event.
    guard yaml_parser_initialize(parser) == 1 else {
      parser.initialize(to: yaml_parser_t())
      parser.pointee.error = YAML_MEMORY_ERROR
      return
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  mutating func next() throws(YAMLError) -> YAMLEvent {
    var event = yaml_event_t()
    guard parser.pointee.error == YAML_NO_ERROR, yaml_parser_parse(parser, &event) == 1 else { throw failure() }
    defer { yaml_event_delete(&event) }
    let mark = Self.mark(event.start_mark)
    return YAMLEvent(content: Self.content(of: event), mark: mark)
  }

  private static func content(of event: yaml_event_t) -> YAMLEvent.Content {
    switch event.type {
    case YAML_STREAM_START_EVENT: return .streamStart
    case YAML_DOCUMENT_START_EVENT: return .documentStart
    case YAML_DOCUMENT_END_EVENT: return .documentEnd
    case YAML_ALIAS_EVENT: return .alias(text(event.data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      return .scalar(
        YAMLEvent.Scalar(
          text: String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self),
          anchor: text(scalar.anchor), tag: text(scalar.tag), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE))
    case YAML_SEQUENCE_START_EVENT:
      return .sequenceStart(
        anchor: text(event.data.sequence_start.anchor), tag: text(event.data.sequence_start.tag))
    case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
    case YAML_MAPPING_START_EVENT:
      return .mappingStart(anchor: text(event.data.mapping_start.anchor), tag: text(event.data.mapping_start.tag))
    case YAML_MAPPING_END_EVENT: return .mappingEnd
    default: return .streamEnd
    }
  }

  private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    pointer.map { String(cString: $0) }
  }

  private static func mark(_ mark: yaml_mark_t) -> YAMLMark {
    YAMLMark(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
  }

  private func failure() -> YAMLError {
    let state = parser.pointee
    let problem = state.problem.map { String(cString: $0) } ?? "not enough memory"
    switch state.error {
    case YAML_READER_ERROR:
      let place = placeOfByte(Int(clamping: state.problem_offset))
      return YAMLError(location(place), "this is no text in UTF-8: \(problem)")
    case YAML_SCANNER_ERROR, YAML_PARSER_ERROR:
      let context = state.context.map { " \(String(cString: $0))" } ?? ""
      let start = state.context.map { _ in " that starts on line \(Self.mark(state.context_mark).line)" } ?? ""
      let hint = byte(at: state.problem_mark) == UInt8(ascii: "\t") ? "; a tab may not indent, use spaces" : ""
      return YAMLError(location(Self.mark(state.problem_mark)), "\(problem)\(context)\(start)\(hint)")
    default: return YAMLError(location(YAMLMark(line: 1, column: 1)), problem)
    }
  }

  private func location(_ mark: YAMLMark) -> SourceLocation {
    SourceLocation(file: file, line: mark.line, column: mark.column)
  }

  /// The mark's index counts characters: the byte is found by line and column, for ASCII lines exactly.
  private func byte(at mark: yaml_mark_t) -> UInt8? {
    var line = 0
    var position = 0
    while line < Int(clamping: mark.line), position < bytes.count {
      if bytes[position] == 0x0A { line += 1 }
      position += 1
    }
    let place = position + Int(clamping: mark.column)
    return place < bytes.count ? bytes[place] : nil
  }

  private func placeOfByte(_ offset: Int) -> YAMLMark {
    var mark = YAMLMark(line: 1, column: 1)
    for byte in bytes.prefix(offset) {
      if byte == 0x0A {
        mark = YAMLMark(line: mark.line + 1, column: 1)
      } else if byte & 0xC0 != 0x80 {
        mark.column += 1
      }
    }
    return mark
  }
}
