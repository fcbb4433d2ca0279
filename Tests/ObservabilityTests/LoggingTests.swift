import Logging
import Observability
import Synchronization
import Testing
import WireFormats

private final class Lines: Sendable {
  private let kept = Mutex<[String]>([])
  var all: [String] { kept.withLock { $0 } }

  func logger(_ format: LogFormat, isColoured: Bool = false, provider: Logger.MetadataProvider? = nil) -> Logger {
    Logger(label: "agent") { label in
      StructuredLogHandler(
        label: label, level: .debug, format: format, isColoured: isColoured, metadataProvider: provider,
        now: { Timestamp(microseconds: 1_000_000) },
        write: { line in self.kept.withLock { $0.append(String(decoding: line, as: UTF8.self)) } })
    }
  }
}

struct LoggingTests {
  private let lines = Lines()

  @Test func recordIsOneLineOfJSON() throws {
    let logger = lines.logger(.json)
    logger.info(
      "Reconciled", metadata: ["name": "main", "count": .stringConvertible(3), "dry": .stringConvertible(true)])
    #expect(
      lines.all == [
        #"{"time":"1970-01-01T00:00:01Z","level":"info","logger":"agent","msg":"Reconciled","#
          + #""count":3,"dry":true,"name":"main"}"# + "\n"
      ])
  }

  @Test func hostileTextStaysInsideItsField() throws {
    let hostile = "a\"b\\c\nd\r\t\u{0}\u{1B}[31m\u{7F}\u{9B}\u{2028}\u{202E}é☃"
    lines.logger(.json).info("x", metadata: ["hostile": .string(hostile), "time": "mine", "k\"y": "v"])
    let line = try #require(lines.all.first)
    #expect(line.dropLast().utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
    let value = try JSONValue(parsing: line)
    #expect(value["hostile"]?.string == hostile)
    #expect(value["time"] == "1970-01-01T00:00:01Z")
    #expect(value["field.time"] == "mine")
    #expect(value["k\"y"] == "v")
    #expect(!line.contains("\u{9B}") && !line.contains("\u{202E}"))
  }

  @Test func nestedFieldsAreFlattened() throws {
    lines.logger(.json).info("x", metadata: ["a": ["b": ["c": "d"]], "list": ["one", ["k": "v"]]])
    let value = try JSONValue(parsing: try #require(lines.all.first))
    #expect(value["a.b.c"] == "d")
    #expect(value["list"]?.array?.first == "one")
  }

  @Test func longValuesAreCutBetweenCharacters() throws {
    lines.logger(.json).info("x", metadata: ["long": .string("x" + String(repeating: "é", count: 100_000))])
    let text = try JSONValue(parsing: try #require(lines.all.first))["long"]?.string
    #expect(text?.utf8.count ?? 0 < 4200)
    #expect(text?.hasSuffix("é… (195906 bytes more)") == true)
  }

  @Test(arguments: [
    "token", "authToken", "PASSWORD", "db_passwd", "x-client-secret", "Authorization", "apiKey", "api_key",
    "WRKTALK_API-KEY", "private.key", "set-cookie",
  ])
  func fieldsThatHoldSecretsAreRedacted(name: String) {
    lines.logger(.json).info("x", metadata: [name: "hunter2", "outer": [name: ["hunter2"]]])
    #expect(lines.all.first?.contains("hunter2") == false)
    #expect(lines.all.first?.contains("[redacted]") == true)
  }

  @Test(arguments: [
    ("postgresql://user:hunter2@host/db", "postgresql://user:[redacted]@host/db"),
    ("https://u:hu:nt@er2@host", "https://u:[redacted]@host"),
    ("Authorization: Bearer hunter2hunter2, and more", "Authorization: Bearer [redacted], and more"),
    ("authorization: basic aHVudGVyMg==", "authorization: basic [redacted]"),
    ("http://host:8080/path", "http://host:8080/path"),
    ("a basic rule: the bearer pays", "a basic rule: the bearer pays"),
    ("a@b.example", "a@b.example"),
  ])
  func secretsInsideTextsAreRedacted(text: String, shown: String) throws {
    lines.logger(.json).info("x", metadata: ["error": .string(text)])
    #expect(try JSONValue(parsing: try #require(lines.all.first))["error"]?.string == shown)
  }

  @Test func textFormatIsForPeople() {
    let logger = lines.logger(.text)
    logger.warning("Engine unreachable", metadata: ["socket": "/run/docker.sock", "error": "no \"such\"\nfile"])
    #expect(
      lines.all == [
        #"1970-01-01T00:00:01Z WARNING Engine unreachable error="no \"such\"\nfile" socket=/run/docker.sock"# + "\n"
      ])
  }

  @Test func coloursAreUsedOnlyWhereAskedFor() {
    lines.logger(.text, isColoured: true).error("x")
    lines.logger(.json, isColoured: true).error("x")
    #expect(lines.all.map { $0.contains("\u{1B}[31mERROR") } == [true, false])
  }

  @Test func fieldsOfTheCallWinOverThoseOfTheLoggerAndTheSurroundings() throws {
    var logger = lines.logger(
      .json, provider: Logger.MetadataProvider { ["a": "provider", "b": "provider", "c": "p"] })
    logger[metadataKey: "a"] = "logger"
    logger[metadataKey: "b"] = "logger"
    logger.info("x", metadata: ["a": "call"])
    let value = try JSONValue(parsing: try #require(lines.all.first))
    #expect(["a", "b", "c"].map { value[$0]?.string } == ["call", "logger", "p"])
  }

  @Test(
    arguments: [
      ("debug", Logger.Level.debug), ("INFO", .info), ("warn", .warning), ("Warning", .warning), ("fatal", .critical),
      ("loud", nil), ("", nil),
    ] as [(String, Logger.Level?)])
  func levelsAreReadByName(name: String, level: Logger.Level?) { #expect(LoggingBootstrap.level(named: name) == level) }

  @Test func formatsAreReadByName() {
    #expect(["json", "TEXT", "xml"].map(LogFormat.init(name:)) == [.json, .text, nil])
  }
}
