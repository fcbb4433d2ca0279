import WireFormats

/// Writes an OpenAPI v2 document as the message in which `kubectl` reads it: `openapi.v2.Document` of gnostic's
/// `OpenAPIv2.proto`, of whose fields those that `OpenAPIDocument.swagger` uses.
enum OpenAPIProtobuf {
  static func document(_ document: JSONValue) -> [UInt8] {
    var writer = ProtobufWriter()
    writer.text(1, document["swagger"]?.string)
    writer.message(2) { info in
      info.text(1, document["info"]?["title"]?.string)
      info.text(2, document["info"]?["version"]?.string)
    }
    writer.message(8) { paths in named(2, document["paths"], &paths, pathItem) }
    writer.message(9) { definitions in named(1, document["definitions"], &definitions, schema) }
    for requirement in document["security"]?.array ?? [] {
      writer.message(12) { message in named(1, requirement, &message) { _, _ in } }
    }
    writer.message(13) { definitions in
      named(1, document["securityDefinitions"], &definitions) { definition, item in
        item.message(2) { key in
          for (field, name) in [(1, "type"), (2, "name"), (3, "in"), (4, "description")] {
            key.text(field, definition[name]?.string)
          }
        }
      }
    }
    return writer.bytes
  }

  /// The members of an object as `{name, value}` messages, in one order always.
  private static func named(
    _ field: Int, _ object: JSONValue?, _ writer: inout ProtobufWriter,
    _ value: (JSONValue, inout ProtobufWriter) -> Void
  ) {
    for (name, member) in (object?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
      writer.message(field) { entry in
        entry.text(1, name)
        entry.message(2) { value(member, &$0) }
      }
    }
  }

  private static func any(_ field: Int, _ value: JSONValue?, _ writer: inout ProtobufWriter) {
    guard let value else { return }
    writer.message(field) { $0.text(2, value.text) }  // JSON is YAML
  }

  private static func extensions(_ field: Int, _ object: JSONValue, _ writer: inout ProtobufWriter) {
    named(field, .object((object.object ?? [:]).filter { $0.key.hasPrefix("x-") }), &writer) { value, any in
      any.text(2, value.text)
    }
  }

  private static func texts(_ field: Int, _ list: JSONValue?, _ writer: inout ProtobufWriter) {
    for text in list?.array ?? [] { writer.text(field, text.string) }
  }

  private static func pathItem(_ item: JSONValue, _ writer: inout ProtobufWriter) {
    for (field, method) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
      if let value = item[method] { writer.message(field) { operation(value, &$0) } }
    }
    parameters(9, item["parameters"], &writer)
  }

  private static func operation(_ operation: JSONValue, _ writer: inout ProtobufWriter) {
    writer.text(5, operation["operationId"]?.string)
    texts(6, operation["produces"], &writer)
    texts(7, operation["consumes"], &writer)
    parameters(8, operation["parameters"], &writer)
    writer.message(9) { responses in
      named(1, operation["responses"], &responses) { response, value in
        value.message(1) { message in
          message.text(1, response["description"]?.string)
          if let body = response["schema"] { message.message(2) { $0.message(1) { schema(body, &$0) } } }
        }
      }
    }
    extensions(13, operation, &writer)
  }

  private static func parameters(_ field: Int, _ list: JSONValue?, _ writer: inout ProtobufWriter) {
    for value in list?.array ?? [] { writer.message(field) { $0.message(1) { parameter(value, &$0) } } }
  }

  private static func parameter(_ parameter: JSONValue, _ writer: inout ProtobufWriter) {
    func text(_ name: String) -> String? { parameter[name]?.string }
    let place = text("in")
    if place == "body" {
      writer.message(1) { body in
        body.text(2, text("name"))
        body.text(3, place)
        body.flag(4, parameter["required"]?.bool)
        if let value = parameter["schema"] { body.message(5) { schema(value, &$0) } }
      }
      return
    }
    let isQuery = place == "query"
    writer.message(2) { other in
      other.message(isQuery ? 3 : 4) { message in
        message.flag(1, parameter["required"]?.bool)
        message.text(2, place)
        message.text(3, text("description"))
        message.text(4, text("name"))
        message.text(isQuery ? 6 : 5, text("type"))
        message.double(isQuery ? 13 : 12, parameter["minimum"]?.integer.map { Double($0) })
        message.number(isQuery ? 15 : 14, parameter["maxLength"]?.integer)
        for value in parameter["enum"]?.array ?? [] { any(isQuery ? 21 : 20, value, &message) }
      }
    }
  }

  private static func schema(_ schema: JSONValue, _ writer: inout ProtobufWriter) {
    func text(_ name: String) -> String? { schema[name]?.string }
    func number(_ name: String) -> Int64? { schema[name]?.integer }
    writer.text(1, text("$ref"))
    writer.text(2, text("format"))
    writer.text(4, text("description"))
    any(5, schema["default"], &writer)
    writer.double(7, number("maximum").map { Double($0) })
    writer.double(9, number("minimum").map { Double($0) })
    writer.number(11, number("maxLength"))
    writer.number(12, number("minLength"))
    writer.text(13, text("pattern"))
    writer.number(14, number("maxItems"))
    writer.number(17, number("maxProperties"))
    texts(19, schema["required"], &writer)
    for value in schema["enum"]?.array ?? [] { any(20, value, &writer) }
    if let values = schema["additionalProperties"] { writer.message(21) { $0.message(1) { Self.schema(values, &$0) } } }
    if let type = text("type") { writer.message(22) { $0.text(1, type) } }
    if let items = schema["items"] { writer.message(23) { $0.message(1) { Self.schema(items, &$0) } } }
    if let properties = schema["properties"] { writer.message(25) { named(1, properties, &$0, Self.schema) } }
    extensions(31, schema, &writer)
  }
}
