import FoundationEssentials
import WireFormats

/// Builds the nodes of documents from libyaml's events.
struct YAMLComposer {
  let file: String
  private var anchors: [String: YAMLNode] = [:]
  /// Anchors of nodes that are not complete yet.
  private var openAnchors: Set<String> = []
  private var aliasWeight = 0
  private var depth = 0

  private var nodeCount = 0

  private let keys: YAMLStream.KeyRules
  private let maximumNodeCount: Int

  init(file: String, keys: YAMLStream.KeyRules, maximumNodeCount: Int) {
    self.file = file
    self.keys = keys
    self.maximumNodeCount = maximumNodeCount
  }

  mutating func compose(_ events: inout YAMLEventParser) throws(YAMLError) -> [YAMLDocument] {
    var documents: [YAMLDocument] = []
    while true {
      let event = try events.next()
      switch event.content {
      case .streamEnd: return documents
      case .documentStart:
        anchors = [:]
        aliasWeight = 0
        let root = try node(for: try events.next(), &events)
        if root.value != .null { documents.append(YAMLDocument(value: root.value, root: root, file: file)) }
      default: break
      }
    }
  }

  private func failure(_ mark: YAMLMark, _ message: String) -> YAMLError {
    YAMLError(SourceLocation(file: file, line: mark.line, column: mark.column), message)
  }

  private mutating func node(for event: YAMLEvent, _ events: inout YAMLEventParser) throws(YAMLError) -> YAMLNode {
    // Each takes many times the memory of its text.
    nodeCount += 1
    guard nodeCount <= maximumNodeCount else { throw failure(event.mark, "more than \(maximumNodeCount) values") }
    switch event.content {
    case .alias(let name): return try alias(name, event.mark)
    case .scalar(let scalar):
      let node = YAMLNode(
        mark: event.mark, content: .scalar, value: try value(of: scalar, event.mark), weight: 8 + scalar.text.utf8.count
      )
      if let anchor = scalar.anchor { anchors[anchor] = node }
      return node
    case .sequenceStart(let anchor, let tag):
      try require(tag, oneOf: ["tag:yaml.org,2002:seq"], event.mark)
      return try anchored(anchor, event.mark) { composer throws(YAMLError) in
        try composer.sequence(event.mark, &events)
      }
    case .mappingStart(let anchor, let tag):
      try require(tag, oneOf: ["tag:yaml.org,2002:map"], event.mark)
      return try anchored(anchor, event.mark) { composer throws(YAMLError) in
        try composer.mapping(event.mark, &events)
      }
    default: throw failure(event.mark, "expected a value")
    }
  }

  private mutating func anchored(
    _ anchor: String?, _ mark: YAMLMark, _ build: (inout YAMLComposer) throws(YAMLError) -> YAMLNode
  ) throws(YAMLError) -> YAMLNode {
    depth += 1
    guard depth <= YAMLStream.maximumDepth else {
      throw failure(mark, "nested more than \(YAMLStream.maximumDepth) levels deep")
    }
    if let anchor { openAnchors.insert(anchor) }
    let node = try build(&self)
    depth -= 1
    if let anchor {
      openAnchors.remove(anchor)
      anchors[anchor] = node
    }
    return node
  }

  private mutating func alias(_ name: String, _ mark: YAMLMark) throws(YAMLError) -> YAMLNode {
    if openAnchors.contains(name) { throw failure(mark, "the alias *\(name) lies within what it stands for") }
    guard let target = anchors[name] else {
      throw failure(mark, "there is no anchor &\(name) before the alias *\(name)")
    }
    aliasWeight += target.weight
    guard aliasWeight <= YAMLStream.maximumAliasByteCount else {
      let limit = YAMLStream.maximumAliasByteCount >> 20
      throw failure(mark, "the aliases of this document stand for more than \(limit) MiB (is it an alias bomb?)")
    }
    return target
  }

  private mutating func sequence(_ mark: YAMLMark, _ events: inout YAMLEventParser) throws(YAMLError) -> YAMLNode {
    var elements: [YAMLNode] = []
    var weight = 8
    while true {
      let event = try events.next()
      if case .sequenceEnd = event.content { break }
      let element = try node(for: event, &events)
      weight += element.weight
      elements.append(element)
    }
    return YAMLNode(
      mark: mark, content: .sequence(elements), value: .array(elements.map(\.value)), weight: weight)
  }

  private mutating func mapping(_ mark: YAMLMark, _ events: inout YAMLEventParser) throws(YAMLError) -> YAMLNode {
    var members: [String: YAMLNode.Member] = [:]
    var merged: [YAMLNode] = []
    var weight = 8
    while true {
      let event = try events.next()
      if case .mappingEnd = event.content { break }
      let isMerge = Self.isMergeKey(event.content)
      let key = try key(event)
      let value = try node(for: try events.next(), &events)
      weight += value.weight + key.utf8.count
      if isMerge {
        merged += try mergeSources(value, event.mark)
      } else if let first = members.updateValue(YAMLNode.Member(keyMark: event.mark, node: value), forKey: key),
        keys == .strict
      {
        throw failure(
          event.mark,
          "the key \"\(key)\" stands twice: first on line \(first.keyMark.line), column \(first.keyMark.column)")
      }
    }
    for source in merged {
      guard case .mapping(let others) = source.content else { continue }
      members.merge(others) { own, _ in own }
    }
    return YAMLNode(
      mark: mark, content: .mapping(members), value: .object(members.mapValues(\.node.value)), weight: weight)
  }

  private static func isMergeKey(_ content: YAMLEvent.Content) -> Bool {
    guard case .scalar(let scalar) = content else { return false }
    return scalar.isPlain && scalar.text == "<<"
  }

  /// What `<<` brings in: a mapping, or several, the earlier ones first.
  private func mergeSources(_ value: YAMLNode, _ mark: YAMLMark) throws(YAMLError) -> [YAMLNode] {
    let sources: [YAMLNode] = if case .sequence(let elements) = value.content { elements } else { [value] }
    for source in sources {
      guard case .mapping = source.content else {
        throw failure(mark, "'<<' needs a mapping, or a list of mappings, to merge")
      }
    }
    return sources
  }

  private mutating func key(_ event: YAMLEvent) throws(YAMLError) -> String {
    switch event.content {
    case .scalar(let scalar):
      guard case .string(let key) = try value(of: scalar, event.mark) else {
        if keys != .strict { return scalar.text }
        throw failure(event.mark, "a key must be a string; write \"\(scalar.text.prefix(40))\" in quotation marks")
      }
      return key
    case .alias(let name):
      guard let key = try alias(name, event.mark).value.string else {
        throw failure(event.mark, "a key must be a string")
      }
      return key
    default: throw failure(event.mark, "a key must be a string, not a list or a mapping")
    }
  }

  private func require(_ tag: String?, oneOf tags: [String], _ mark: YAMLMark) throws(YAMLError) {
    guard let tag, !tags.contains(tag), tag != "!", !isPassedOver(tag) else { return }
    throw failure(mark, "the tag \(tag) is not supported here")
  }

  private func isPassedOver(_ tag: String) -> Bool { keys == .untagged && !tag.hasPrefix("tag:yaml.org,2002:") }

  private func value(of scalar: YAMLEvent.Scalar, _ mark: YAMLMark) throws(YAMLError) -> JSONValue {
    let prefix = "tag:yaml.org,2002:"
    let resolved: JSONValue
    switch scalar.tag {
    case nil:
      guard scalar.isPlain else { return .string(scalar.text) }
      resolved = try plainValue(scalar.text, mark)
    case "!", prefix + "str": return .string(scalar.text)
    case prefix + "null", prefix + "bool", prefix + "int", prefix + "float":
      resolved = try plainValue(scalar.text, mark)
      let type = ["null": "null", "boolean": "bool", "integer": "int", "number": "float"][resolved.typeName]
      if type.map({ prefix + $0 }) == scalar.tag { return resolved }
      if case .integer(let number) = resolved, scalar.tag == prefix + "float" { return .number(Double(number)) }
      throw failure(mark, "\"\(scalar.text.prefix(40))\" does not fit its tag")
    case prefix + "binary" where keys != .strict:
      guard let bytes = Data(base64Encoded: scalar.text.filter { !$0.isWhitespace }) else {
        throw failure(mark, "what is tagged !!binary is not valid Base64")
      }
      return .string(String(decoding: bytes, as: UTF8.self))
    case let tag? where isPassedOver(tag):
      return scalar.isPlain ? try plainValue(scalar.text, mark) : .string(scalar.text)
    case let tag?: throw failure(mark, "the tag \(tag) is not supported")
    }
    return resolved
  }

  private func plainValue(_ text: String, _ mark: YAMLMark) throws(YAMLError) -> JSONValue {
    switch PlainScalar(text) {
    case .value(let value): return value
    case .notFinite: throw failure(mark, "\(text) cannot be said in JSON; numbers must be finite")
    case .outOfRange: throw failure(mark, "the number \(text.prefix(40)) is out of range")
    }
  }
}
