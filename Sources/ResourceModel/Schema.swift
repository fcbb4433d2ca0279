public import WireFormats

/// A structural schema: the part of OpenAPI v3 that a CRD may use, as a value. It defaults, checks and documents objects.
public indirect enum Schema: Sendable, Hashable {
  case string(StringRules = StringRules(), Documentation = Documentation())
  case integer(range: ClosedRange<Int64>? = nil, Documentation = Documentation())
  case number(Documentation = Documentation())
  case boolean(Documentation = Documentation())
  case array(of: Schema, maximumCount: Int? = nil, Documentation = Documentation())
  /// An object with exactly these properties, others being unknown.
  case object(properties: [String: Schema], required: [String] = [], Documentation = Documentation())
  /// An object with any keys, all values of one schema (`additionalProperties`).
  case map(of: Schema, maximumCount: Int? = nil, Documentation = Documentation())
  /// Anything at all (`x-kubernetes-preserve-unknown-fields`).
  case any(Documentation = Documentation())

  public struct StringRules: Sendable, Hashable {
    public var enumeration: [String]
    /// A regular expression (RE2 and ECMA 262 alike), anchored by itself.
    public var pattern: String?
    /// What the pattern wants, in words that go after "must": `be 64 lower-case hexadecimal digits`.
    public var patternMeaning: String?
    public var minimumLength: Int?
    public var maximumLength: Int?
    /// `date-time` for RFC 3339.
    public var format: String?
    /// True for a time that clients read with six digits of fraction only (`metav1.MicroTime`): it is brought into that
    /// form together with the defaults.
    public var hasMicroseconds: Bool

    public init(
      enumeration: [String] = [], pattern: String? = nil, patternMeaning: String? = nil, minimumLength: Int? = nil,
      maximumLength: Int? = nil,
      format: String? = nil, hasMicroseconds: Bool = false
    ) {
      self.enumeration = enumeration
      self.pattern = pattern
      self.patternMeaning = patternMeaning
      self.minimumLength = minimumLength
      self.maximumLength = maximumLength
      self.format = format
      self.hasMicroseconds = hasMicroseconds
    }
  }

  public struct Documentation: Sendable, Hashable {
    public var description: String
    /// Filled in where the field is absent and its parent present.
    public var defaultValue: JSONValue?
    public var isNullable: Bool
    /// The field by which the objects of an array are told apart: no two may have the same text there, and patches of
    /// several writers are merged by it (`x-kubernetes-list-map-keys`).
    public var listKey: String?
    /// True for an array of scalars that are all different and whose order means nothing (`x-kubernetes-list-type: set`).
    public var isSet: Bool
    /// True for an object whose fields belong together: who sets one of them sets all (`x-kubernetes-map-type: atomic`).
    public var isAtomic: Bool

    public init(
      _ description: String = "", default defaultValue: JSONValue? = nil, isNullable: Bool = false,
      listKey: String? = nil, isSet: Bool = false, isAtomic: Bool = false
    ) {
      self.description = description
      self.defaultValue = defaultValue
      self.isNullable = isNullable
      self.listKey = listKey
      self.isSet = isSet
      self.isAtomic = isAtomic
    }
  }
}
