public import Database
import ResourceModel
public import WireFormats

/// Which column of a specification's table holds which field of an object. The columns are the truth: other programs read and
/// write them, and the object is put together from its row.
///
/// The table has, besides the specification's columns, those of `addedColumns`: what every object has, and `object_rest`, a
/// JSON object with all that has no column, such as annotations, finalizers and conditions.
public struct ColumnMapping: Sendable {
  public struct Column: Sendable {
    /// As the specification names it, without quotation marks: `scheduledFor`.
    public var name: String
    public var type: ColumnType
    /// Where the object has it: `spec.schedule.notBefore`.
    public var path: String
    /// What the column gets where the object does not have the field; nil for null.
    public var whenAbsent: JSONValue?
    /// True where only the program's own statements write the column, such as what changes all the time: a write of the
    /// object leaves it as it is.
    public var isOutput: Bool
    /// True where the object does not have the field while the column has `whenAbsent`: a column that may not be null has
    /// that for nothing.
    public var isAbsentByDefault: Bool

    public init(
      _ name: String, _ type: ColumnType, at path: String, whenAbsent: JSONValue? = nil, isOutput: Bool = false,
      isAbsentByDefault: Bool = false
    ) {
      self.name = name
      self.type = type
      self.path = path
      self.whenAbsent = whenAbsent
      self.isOutput = isOutput
      self.isAbsentByDefault = isAbsentByDefault
    }

    var components: [String] { path.split(separator: ".").map(String.init) }
  }

  /// The column of `metadata.name`, unique in its namespace; nobody writes it after the row was made.
  public var name: String
  /// The column of `metadata.namespace`; nil for a kind whose objects lie in no namespace.
  public var namespace: String?
  /// The column of `metadata.uid`, the table's primary key.
  public var uid: Column
  /// Of `metadata.creationTimestamp`.
  public var createdAt: Column
  /// A column that gets the time of each write; nil where there is none.
  public var updatedAt: (name: String, type: ColumnType)?
  /// The columns of the object's own fields; at most 40.
  public var columns: [Column]

  public init(
    name: String, namespace: String? = nil, uid: String = "id", uidType: ColumnType = .text,
    createdAt: String = "createdAt", timeType: ColumnType = .timestamp(hasTimeZone: true), updatedAt: String? = nil,
    columns: [Column]
  ) {
    precondition(columns.count <= 40, "PostgreSQL's json_build_object takes a hundred arguments")
    self.name = name
    self.namespace = namespace
    self.uid = Column(uid, uidType, at: "metadata.uid")
    self.createdAt = Column(createdAt, timeType, at: "metadata.creationTimestamp")
    self.updatedAt = updatedAt.map { ($0, timeType) }
    self.columns = columns
  }

  /// The columns that a table has besides the specification's, for CREATE TABLE. Their defaults suit rows that other
  /// programs insert.
  public static func addedColumns(_ dialect: SQLDialect) -> [String] {
    [
      "resource_version bigint NOT NULL DEFAULT 0", "generation bigint NOT NULL DEFAULT 1",
      "labels \(dialect == .postgresql ? "jsonb" : "text") NOT NULL DEFAULT '{}'",
      "object_rest text NOT NULL DEFAULT '{}'", "written_at bigint NOT NULL DEFAULT 0",
    ]
  }

  /// The columns of which an object is put together, besides name and namespace.
  var contentColumns: [Column] {
    [
      uid, createdAt, Column("generation", .integer, at: "metadata.generation"),
      Column("labels", .json, at: "metadata.labels"),
    ] + columns
  }

  /// A row's content, as text of a JSON object from column to value.
  /// - Parameter row: what stands before the column's name: empty, or such as `NEW.`.
  func content(_ row: String, _ dialect: SQLDialect) -> String {
    let members = contentColumns.map { column in
      let reference = "\(row)\"\(column.name)\""
      let value =
        dialect == .sqlite && column.type == .json
        ? "CASE WHEN json_valid(\(reference)) THEN json(\(reference)) ELSE \(reference) END" : reference
      return "'\(column.name)', \(value)"
    }
    let rest = "\(row)object_rest"
    switch dialect {
    case .postgresql:
      return "CAST(json_build_object(\((members + ["'object_rest', \(rest)"]).joined(separator: ", "))) AS text)"
    case .sqlite: return "json_object(\((members + ["'object_rest', \(rest)"]).joined(separator: ", ")))"
    }
  }

  /// About how many bytes the content has, without making it.
  func size(_ row: String, _ dialect: SQLDialect) -> String {
    let lengths = contentColumns.compactMap { column -> String? in
      let reference = "\(row)\"\(column.name)\""
      switch (column.type, dialect) {
      case (.text, .postgresql): return "coalesce(octet_length(\(reference)), 0)"
      case (.json, .postgresql): return "coalesce(pg_column_size(\(reference)), 0)"
      case (.text, .sqlite), (.json, .sqlite): return "coalesce(length(\(reference)), 0)"
      case (.uuid, _), (.integer, _), (.boolean, _), (.timestamp, _), (.enumeration, _): return nil
      }
    }
    let rest = dialect == .postgresql ? "octet_length(\(row)object_rest)" : "length(\(row)object_rest)"
    return (["\(400 + 20 * columns.count)", rest] + lengths).joined(separator: " + ")
  }
}
