/// Arithmetic on numbers that others wrote: what does not fit stays at the end of the range instead of ending the program.
extension FixedWidthInteger {
  public func addingSaturated(_ other: Self) -> Self {
    let (sum, isTooLarge) = addingReportingOverflow(other)
    return isTooLarge ? (other < 0 ? .min : .max) : sum
  }

  public func multipliedSaturated(by factor: Self) -> Self {
    let (product, isTooLarge) = multipliedReportingOverflow(by: factor)
    return isTooLarge ? ((self < 0) == (factor < 0) ? .max : .min) : product
  }
}
