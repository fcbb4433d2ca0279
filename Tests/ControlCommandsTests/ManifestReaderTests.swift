import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ControlCommands

@Suite struct ManifestReaderTests {
  private static let header = "apiVersion: deploy.wrktalk.com/v1\nkind: DesiredDeployment\n"

  private func read(_ text: String, namespace: String = "shop", isExplicit: Bool = false) -> ManifestReader.Reading {
    var reading = ManifestReader.Reading()
    ManifestReader(namespace: namespace, isNamespaceExplicit: isExplicit).parse(
      Array(text.utf8), file: "f.yaml", into: &reading)
    return reading
  }

  @Test func severalDocumentsAndListsAreRead() {
    let text = """
      \(Self.header)metadata: {name: a}
      ---
      apiVersion: v1
      kind: List
      items:
      - {apiVersion: deploy.wrktalk.com/v1, kind: DesiredDeployment, metadata: {name: b, namespace: other}}
      """
    let reading = read(text)
    #expect(reading.failures.isEmpty)
    #expect(
      reading.manifests.map(\.key) == [
        ObjectKey(namespace: "shop", name: "a"), ObjectKey(namespace: "other", name: "b"),
      ])
    #expect(reading.manifests.first?.object["metadata"]?["namespace"] == "shop")
  }

  struct Wrong: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var text: String
    var message: String
  }

  static let wrong = [
    Wrong(testDescription: "empty", text: "# nothing\n", message: "f.yaml: there is no object in it"),
    Wrong(
      testDescription: "no kind", text: "apiVersion: v1\n",
      message: "f.yaml:1:1: kind: is required, as a string\n  1 | apiVersion: v1\n    | ^"),
    Wrong(
      testDescription: "unknown kind", text: "apiVersion: deploy.wrktalk.com/v1\nkind: DesiredDeploymnt\n",
      message:
        "f.yaml:2:1: kind: \"DesiredDeploymnt\" of deploy.wrktalk.com/v1 is not known here; did you mean DesiredDeployment?\n"
        + "  2 | kind: DesiredDeploymnt\n    | ^"),
    Wrong(
      testDescription: "wrong version", text: "apiVersion: deploy.wrktalk.com/v2\nkind: DesiredDeployment\n",
      message:
        "f.yaml:1:1: apiVersion: \"deploy.wrktalk.com/v2\" has no kind DesiredDeployment; \"deploy.wrktalk.com/v1\" has\n"
        + "  1 | apiVersion: deploy.wrktalk.com/v2\n    | ^"),
    Wrong(
      testDescription: "no name", text: header + "metadata: {}\n",
      message: "f.yaml:3:1: metadata.name: is required, as a string\n  3 | metadata: {}\n    | ^"),
    Wrong(
      testDescription: "a list", text: "- a\n",
      message: "f.yaml:1:1: an object was expected, but this is of the type array"),
  ]

  @Test(arguments: wrong)
  func whatIsWrongIsToldWithItsPlace(example: Wrong) {
    let reading = read(example.text)
    #expect(reading.manifests.isEmpty)
    #expect(reading.failures.map(\.message) == [example.message])
  }

  @Test(arguments: ["a: 1\na: 2\n", "a: [\n", "a: &x [1]\nb: *y\n"])
  func wrongYAMLIsToldWithItsPlace(text: String) {
    #expect(read(text).failures.allSatisfy { $0.message.hasPrefix("f.yaml:") })
    #expect(read(text).failures.count == 1)
  }

  @Test func anotherNamespaceThanTheOneGivenIsRefused() {
    let reading = read(Self.header + "metadata: {name: a, namespace: other}\n", isExplicit: true)
    #expect(reading.failures.first?.message.contains("\"other\" is not the namespace given, \"shop\"") == true)
  }

  @Test func aServersFieldErrorIsShownInTheFile() throws {
    let reading = read(Self.header + "metadata: {name: a}\nspec:\n  artifact:\n    sha256: abc\n")
    let origin = try #require(reading.manifests.first).origin
    let error = FieldError(field: "spec.artifact.sha256", reason: .invalid, message: "must be 64 digits")
    #expect(
      origin.excerpt(error) == """
        f.yaml:6:5: spec.artifact.sha256: must be 64 digits
          6 |     sha256: abc
            |     ^
        """)
    let missing = FieldError(field: "spec.artifact.path", reason: .required, message: "is required")
    #expect(origin.excerpt(missing).hasPrefix("f.yaml:5:3: "))
  }

  @Test func foldersAreReadInOrderAndDeeperOnlyWhenAsked() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.header + "metadata: {name: b}\n", to: "b.yaml")
    try folder.write(Self.header + "metadata: {name: a}\n", to: "a.yml")
    try folder.write("no manifest", to: "notes.txt")
    try folder.write(Self.header + "metadata: {name: c}\n", to: "sub/c.yaml")
    let reader = ManifestReader(namespace: "shop", isNamespaceExplicit: false)
    #expect(reader.read([folder.path], isRecursive: false).manifests.map(\.key.name) == ["a", "b"])
    #expect(reader.read([folder.path], isRecursive: true).manifests.map(\.key.name) == ["a", "b", "c"])
  }

  @Test func aMissingFileDoesNotHideTheOthers() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Self.header + "metadata: {name: a}\n", to: "a.yaml")
    let reading = ManifestReader(namespace: "shop", isNamespaceExplicit: false)
      .read([folder.file("none.yaml"), "https://example.org/x.yaml", path], isRecursive: false)
    #expect(reading.manifests.count == 1)
    #expect(reading.failures.count == 2)
  }
}
