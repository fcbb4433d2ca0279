/// An amount in Kubernetes' notation: `500m`, `0.5`, `128Mi`, `1e3`. Amounts are equal whatever notation they are in.
struct Quantity: Hashable, Comparable {
  /// The digits without leading and trailing zeros, and the power of ten of the last one. Binary units are multiplied
  /// out.
  private var digits: [UInt8]
  private var exponent: Int
  private var isNegative: Bool

  private static let binary: [String: Int] = ["Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6]
  private static let decimal: [String: Int] = [
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
  ]

  /// Nil for a text that is no amount.
  init?(_ text: String) {
    guard
      let match = text.wholeMatch(
        of: /([+-]?)([0-9]{1,30})?(?:\.([0-9]{0,30}))?(?:[eE]([+-]?[0-9]{1,3})|([A-Za-z]{0,2}))/)
    else { return nil }
    let (sign, whole, fraction) = (match.1, match.2 ?? "", match.3 ?? "")
    guard !whole.isEmpty || !fraction.isEmpty else { return nil }
    var digits = (whole + fraction).utf8.map { $0 - UInt8(ascii: "0") }
    var exponent = -fraction.count
    if let power = match.4 {
      guard let power = Int(power) else { return nil }
      exponent += power
    } else {
      let unit = String(match.5 ?? "")
      if let power = Self.decimal[unit] {
        exponent += power
      } else if let power = Self.binary[unit] {
        for _ in 0..<power { digits = Self.product(digits, 1024) }
      } else {
        return nil
      }
    }
    while digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
    self.digits = Array(digits.drop { $0 == 0 })
    self.exponent = digits.isEmpty ? 0 : exponent
    self.isNegative = sign == "-" && !digits.isEmpty
  }

  static func < (left: Quantity, right: Quantity) -> Bool {
    if left.isNegative != right.isNegative { return left.isNegative }
    if left.isNegative { return right.magnitudeIsLess(than: left) }
    return left.magnitudeIsLess(than: right)
  }

  private func magnitudeIsLess(than other: Quantity) -> Bool {
    if digits.isEmpty || other.digits.isEmpty { return digits.isEmpty && !other.digits.isEmpty }
    let (places, otherPlaces) = (digits.count + exponent, other.digits.count + other.exponent)
    return places == otherPlaces ? digits.lexicographicallyPrecedes(other.digits) : places < otherPlaces
  }

  private static func product(_ digits: [UInt8], _ factor: Int) -> [UInt8] {
    var result: [UInt8] = []
    var carry = 0
    for digit in digits.reversed() {
      carry += Int(digit) * factor
      result.append(UInt8(carry % 10))
      carry /= 10
    }
    while carry > 0 {
      result.append(UInt8(carry % 10))
      carry /= 10
    }
    return result.reversed()
  }
}
