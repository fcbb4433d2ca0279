import ArgumentParser

/// The forms in which objects are printed.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
  case table
  case wide
  case yaml
  case json
  case name
}
