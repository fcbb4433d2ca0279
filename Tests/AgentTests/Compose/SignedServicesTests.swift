import ReleaseManifest
import Testing
import WireFormats

@testable import Agent

/// Which signed image a service runs.
@Suite struct SignedServicesTests {
  static func digest(_ digit: Character) -> String { "sha256:" + String(repeating: digit, count: 64) }

  static func image(
    _ service: String, _ repository: String, _ digit: Character, contents: [Character] = []
  ) -> Manifest.Image {
    Manifest.Image(
      service: service, repository: repository, digest: digest(digit), contentDigests: contents.map(digest))
  }

  private static func signed(_ images: [Manifest.Image]) -> SignedServices {
    SignedServices(
      manifest: Manifest(
        product: "wrktalk", version: "1.2.0", sequence: 1, issuedAt: Timestamp(seconds: 0),
        expires: Timestamp(seconds: 1),
        artifacts: [.init(runtime: .compose, sha256: String(repeating: "0", count: 64), size: 1)], images: images))
  }

  private static func service(_ name: String, _ image: String?) -> ComposeService {
    var service = composeService(name)
    service.image = image
    return service
  }

  private static let listed = [
    image("backend", "registry.example.com/wrktalk/backend", "a", contents: ["b", "c"]),
    image("media", "registry.example.com/wrktalk/media", "d"), image("cache", "redis", "e"),
  ]

  @Test(
    arguments: [
      // Whatever the tag says.
      ("backend", "registry.example.com/wrktalk/backend:1.2.0", "registry.example.com/wrktalk/backend", "a"),
      ("backend", "registry.example.com/wrktalk/backend:evil", "registry.example.com/wrktalk/backend", "a"),
      ("backend", "registry.example.com/wrktalk/backend", "registry.example.com/wrktalk/backend", "a"),
      // A mirror, with and without a folder of its own, under another name.
      ("backend", "mirror.corp:5000/wrktalk/backend:1", "mirror.corp:5000/wrktalk/backend", "a"),
      ("backend", "harbor.corp/cache/wrktalk/backend:1", "harbor.corp/cache/wrktalk/backend", "a"),
      ("backend", "harbor.corp/ours:1", "harbor.corp/ours", "a"),
      // A service that the manifest does not name is known by its path.
      ("worker", "localhost/wrktalk/media:1", "localhost/wrktalk/media", "d"),
      ("worker", "harbor.corp/cache/wrktalk/media:1", "harbor.corp/cache/wrktalk/media", "d"),
      ("worker", "docker.io/library/redis:7", "docker.io/library/redis", "e"),
      ("worker", "mirror.corp/library/redis:7", "mirror.corp/library/redis", "e"),
      // A digest that is signed, also that of one platform.
      ("backend", "r.example/wrktalk/backend:1@\(digest("a"))", "r.example/wrktalk/backend", "a"),
      ("backend", "r.example/wrktalk/backend@\(digest("b"))", "r.example/wrktalk/backend", "a"),
    ] as [(String, String, String, Character)])
  func aServiceIsStartedByTheSignedDigest(
    name: String, image: String, repository: String, digit: Character
  ) throws {
    let choice = try Self.signed(Self.listed).choice(for: Self.service(name, image))
    #expect(choice.reference == "\(repository)@\(Self.digest(digit))")
  }

  @Test(
    arguments: [
      ("tool", "evil.example/tool:1", "evil.example/tool:1"),
      // The end of a path is not the path.
      ("tool", "evil.example/evilwrktalk/backend:1", "evilwrktalk"),
      ("tool", "evil.example/backend:1", "evil.example/backend"),
      ("tool", "redis.evil/tool", "redis.evil/tool"),
      ("backend", "r.example/wrktalk/backend@\(digest("f"))", digest("f")),
      // Another service's image is not this one's.
      ("backend", "r.example/wrktalk/backend@\(digest("d"))", digest("d")),
      ("tool", nil, "names no image"),
    ] as [(String, String?, String)])
  func whatNobodySignedIsNamed(name: String, image: String?, named: String) {
    let failure = #expect(throws: RuntimeFailure.self) {
      try Self.signed(Self.listed).choice(for: Self.service(name, image))
    }
    #expect(failure?.reason == "ImageNotInManifest")
    #expect(failure?.kind == .permanent)
    #expect(failure?.message.contains("Service \(name) ") == true)
    #expect(failure?.message.contains(named) == true, "\(failure?.message ?? "")")
    #expect(failure?.message.contains("wrktalk 1.2.0") == true)
  }

  @Test func ofSeveralImagesOfAServiceThePathDecides() throws {
    let images = Self.signed([
      Self.image("backend", "r.example/wrktalk/chart-backend", "a"),
      Self.image("backend", "r.example/wrktalk/backend", "b"),
      Self.image("other", "r.example/wrktalk/backend", "c"),
    ])
    let choice = try images.choice(for: Self.service("backend", "mirror.corp/wrktalk/backend:1"))
    #expect(choice.image.digest == Self.digest("b"))
    #expect(throws: RuntimeFailure.self) { try images.choice(for: Self.service("backend", "mirror.corp/ours:1")) }
    // Of two images with one path, neither is the one that is meant.
    #expect(throws: RuntimeFailure.self) { try images.choice(for: Self.service("job", "r.example/wrktalk/backend:1")) }
  }

  @Test func anEmptyManifestListsNothing() {
    #expect(throws: RuntimeFailure.self) { try Self.signed([]).choice(for: Self.service("a", "a:1")) }
  }

  @Test(
    arguments: [
      ("r.example/wrktalk/backend:1.1@\(digest("a"))", true), ("r.example/wrktalk/backend@\(digest("b"))", true),
      (digest("c"), true), (digest("f"), false), ("evil.example/x:1@\(digest("f"))", false),
      ("evil.example/x:1", false), ("", false), ("@", false), ("sha256:", false),
      // Signed, but another service's.
      ("r.example/wrktalk/media@\(digest("d"))", false),
    ])
  func aRecordedImageCountsOnlyWhereTheManifestCoversIt(pinned: String, counts: Bool) throws {
    let selection = try Self.signed(Self.listed).selection(
      for: [Self.service("backend", "r.example/wrktalk/backend:1")], pinned: ["backend": pinned])
    #expect(
      selection.references["backend"] == (counts ? pinned : "r.example/wrktalk/backend@\(Self.digest("a"))"))
    #expect(selection.warnings.isEmpty == counts)
    if !counts { #expect(selection.warnings.first?.contains("service backend") == true) }
  }

  @Test(
    arguments: [
      (digest("f"), ["r.example/wrktalk/backend@\(digest("a"))"], true), (digest("c"), [], true),
      (digest("a"), [], true), (digest("f"), ["x@\(digest("e"))", "y@\(digest("b"))"], true),
      (digest("f"), ["r.example/wrktalk/backend@\(digest("e"))"], false), (digest("f"), [], false),
    ] as [(String, [String], Bool)])
  func whatTheEngineHasIsComparedWithWhatWasSigned(id: String, digests: [String], isSigned: Bool) throws {
    let choice = try Self.signed(Self.listed).choice(for: Self.service("backend", "r.example/wrktalk/backend:1"))
    let image = EngineImage(id: id, repoDigests: digests)
    if isSigned {
      try SignedServices.check(image, as: choice, of: "backend")
    } else {
      let failure = #expect(throws: RuntimeFailure.self) { try SignedServices.check(image, as: choice, of: "backend") }
      #expect(failure?.reason == "ImageNotInManifest")
    }
  }
}
