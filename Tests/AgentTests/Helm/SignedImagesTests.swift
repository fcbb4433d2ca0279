import ReleaseManifest
import Testing
import WireFormats

@testable import Agent

/// Which images of a rendered chart, and of running pods, are the vendor's.
struct SignedImagesTests {
  private static func digest(_ digit: Character) -> String { "sha256:" + String(repeating: digit, count: 64) }

  private static let manifest = Manifest(
    product: "wrktalk", version: "2.0.0", sequence: 7, issuedAt: Timestamp(seconds: 0), expires: Timestamp(seconds: 1),
    artifacts: [],
    images: [
      .init(
        service: "backend", repository: "ghcr.io/wrktalk/backend", digest: digest("a"),
        contentDigests: [digest("b"), digest("c")], digestValue: "backend.image.digest"),
      .init(service: "media", repository: "ghcr.io/wrktalk/media", digest: digest("d")),
      .init(service: "database", repository: "postgres", digest: digest("e")),
    ])

  private static let signed = SignedImages(manifest)

  // MARK: References

  @Test(arguments: [
    ("backend", "backend"), ("wrktalk/backend:v1", "wrktalk/backend"), ("ghcr.io/wrktalk/backend", "wrktalk/backend"),
    ("127.0.0.1:5000/wrktalk/backend:v1@sha256:0", "wrktalk/backend"), ("localhost/wrktalk/backend", "wrktalk/backend"),
    ("docker.io/library/postgres:16", "postgres"), ("library/postgres", "postgres"),
    ("mirror.example/postgres", "postgres"),
    ("mirror.example/ghcr/wrktalk/backend", "ghcr/wrktalk/backend"), ("evil/wrktalk/backend", "evil/wrktalk/backend"),
  ])
  func theRegistrysHostDoesNotCountAndTheRestOfThePathDoes(_ reference: String, _ path: String) {
    #expect(ImageReference(reference).path == path)
  }

  // MARK: What is rendered

  private static func use(_ image: String) -> ImageUse {
    ImageUse(object: "Deployment web", kind: .initContainer, name: "wait", image: image)
  }

  @Test(arguments: [
    "ghcr.io/wrktalk/backend@\(digest("a"))", "mirror.example:5000/wrktalk/backend:v9@\(digest("a"))",
    "wrktalk/backend@\(digest("c"))", "ghcr.io/wrktalk/media:v1@\(digest("d"))", "postgres@\(digest("e"))",
    "mirror.example/library/postgres:16@\(digest("e"))",
  ])
  func whatTheVendorSignedMayBeStarted(_ image: String) {
    #expect(Self.signed.refusal(of: [Self.use(image)]) == nil)
  }

  @Test(arguments: [
    ("ghcr.io/wrktalk/other:v1", "lists no image wrktalk/other"),
    ("ghcr.io/wrktalk/other@\(digest("a"))", "lists no image wrktalk/other"),
    ("ghcr.io/attacker/wrktalk/media:v1", "lists no image attacker/wrktalk/media"),
    ("media:v1", "lists no image media"),
    ("ghcr.io/wrktalk/media@\(digest("a"))", "lists wrktalk/media with another digest"),
    ("ghcr.io/wrktalk/backend@\(digest("f"))", "lists wrktalk/backend with another digest"),
    ("ghcr.io/wrktalk/backend:v1", "takes the digest of it as backend.image.digest, and starts it by tag nevertheless"),
    ("ghcr.io/wrktalk/backend", "starts it by tag nevertheless"), ("ghcr.io/wrktalk/media:v1", "is named by tag"),
    ("ghcr.io/wrktalk/media", "is named by tag"), ("postgres:16", "is named by tag"),
    ("ghcr.io/wrktalk/media@\(digest("d"))@\(digest("d"))", "lists no image wrktalk/media@sha256"),
    ("", "lists no image"),
  ])
  func anythingElseIsRefusedWithObjectContainerAndImage(_ image: String, _ expected: String) throws {
    let refusal = try #require(Self.signed.refusal(of: [Self.use("postgres@\(Self.digest("e"))"), Self.use(image)]))
    #expect(refusal.kind == .permanent && refusal.reason == "ImageNotInManifest")
    #expect(refusal.message.hasPrefix("Deployment web, init container wait, would start \(image): "), "\(refusal)")
    #expect(refusal.message.contains(expected), "\(refusal)")
  }

  @Test func whatRunsAlreadyMayStay() {
    let kept = Self.signed.keeping("old.example/agent:v1")
    #expect(kept.refusal(of: [Self.use("old.example/agent:v1")]) == nil)
    #expect(kept.refusal(of: [Self.use("old.example/agent:v2")]) != nil)
  }

  @Test func theChartIsGivenTheDigestsThatItTakes() {
    #expect(Self.signed.digestValues == ["backend.image.digest": Self.digest("a")])
  }

  // MARK: What runs

  @Test(arguments: [
    ("docker-pullable://127.0.0.1:5000/wrktalk/backend@\(digest("a"))", digest("a")),
    ("docker://\(digest("b"))", digest("b")), ("ghcr.io/wrktalk/backend@\(digest("c"))", digest("c")),
    (digest("d"), digest("d")), ("", nil), ("docker://ghcr.io/wrktalk/backend:v1", nil), ("sha256:abc", nil),
    ("sha256:" + String(repeating: "A", count: 64), nil), ("md5:" + String(repeating: "a", count: 64), nil),
    ("x@\(digest("a"))@sha256:abc", nil),
  ])
  func aNodeSaysADigestInSeveralWays(_ imageID: String, _ digest: String?) {
    #expect(RunningImage(pod: "web-1", use: Self.use("x"), imageID: imageID).digest == digest)
  }

  @Test(arguments: [
    ("ghcr.io/wrktalk/media:v1", "docker-pullable://ghcr.io/wrktalk/media@\(digest("d"))", true),
    ("ghcr.io/wrktalk/media:v1", "docker-pullable://ghcr.io/wrktalk/media@\(digest("a"))", false),
    ("ghcr.io/wrktalk/media:v1", "", true), ("ghcr.io/wrktalk/media:v1", "docker://busybox", false),
    ("ghcr.io/wrktalk/backend@\(digest("a"))", "docker://\(digest("c"))", true),
    ("ghcr.io/wrktalk/backend@\(digest("a"))", "docker://\(digest("d"))", false),
    ("ghcr.io/wrktalk/backend@\(digest("f"))", "docker://\(digest("a"))", false),
    ("ghcr.io/attacker/media:v1", digest("d"), false),
  ])
  func whatAPodRunsIsComparedWithWhatTheVendorSigned(_ image: String, _ imageID: String, _ isGood: Bool) throws {
    let running = RunningImage(pod: "web-1", use: Self.use(image), imageID: imageID)
    let refusal = Self.signed.refusal(of: running)
    #expect((refusal == nil) == isGood, "\(String(describing: refusal))")
    if let refusal {
      #expect(refusal.kind == .permanent && refusal.reason == "ImageNotInManifest")
      #expect(refusal.message.hasPrefix("Deployment web, init container wait of pod web-1, runs "), "\(refusal)")
    }
  }
}

/// Where images stand in what a chart renders.
struct ImageUseTests {
  private static let pod = """
    spec:
      initContainers: [{name: i, image: i:1}]
      containers: [{name: c, image: c:1}, {name: without}]
      ephemeralContainers: [{name: e, image: e:1}]
      volumes: [{name: v, image: {reference: v:1}}, {name: w, emptyDir: {}}]
    """

  private static func indented(_ text: String, by count: Int) -> String {
    text.split(separator: "\n").map { String(repeating: " ", count: count) + $0 }.joined(separator: "\n")
  }

  private static func images(_ text: String) throws -> [String] {
    try RenderedManifest(text, namespace: "n").images.map { "\($0.object): \($0.place) \($0.image)" }
  }

  private static func expected(_ object: String) -> [String] {
    [
      "\(object): container c c:1", "\(object): init container i i:1", "\(object): ephemeral container e e:1",
      "\(object): volume v v:1",
    ]
  }

  @Test(arguments: [
    ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("apps/v1", "ReplicaSet"),
    ("v1", "ReplicationController"), ("batch/v1", "Job"), ("example.com/v1", "Operator"),
  ])
  func everyTemplateOfAPodIsSeen(_ version: String, _ kind: String) throws {
    let text = """
      apiVersion: \(version)
      kind: \(kind)
      metadata: {name: x}
      spec:
        template:
      \(Self.indented(Self.pod, by: 4))
      """
    #expect(try Self.images(text) == Self.expected("\(kind) x"))
  }

  @Test func aPodATemplateOfOneAndAJobOfACronJobAreSeen() throws {
    #expect(
      try Self.images("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n\(Self.pod)") == Self.expected("Pod x"))
    #expect(
      try Self.images(
        "apiVersion: v1\nkind: PodTemplate\nmetadata: {name: x}\ntemplate:\n\(Self.indented(Self.pod, by: 2))")
        == Self.expected("PodTemplate x"))
    let cron = """
      apiVersion: batch/v1
      kind: CronJob
      metadata: {name: x}
      spec:
        jobTemplate:
          spec:
            template:
      \(Self.indented(Self.pod, by: 8))
      """
    #expect(try Self.images(cron) == Self.expected("CronJob x"))
  }

  @Test func anObjectInAListAndOneWithoutANameAreSeen() throws {
    let list = """
      apiVersion: v1
      kind: List
      items:
        - {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: c:1}]}}
        - {apiVersion: v1, kind: Pod, metadata: {generateName: b-}, spec: {containers: [{name: c, image: c:2}]}}
      ---
      {spec: {containers: [{image: c:3}]}}
      """
    #expect(
      try Self.images(list) == [
        "Pod a: container c c:1", "Pod b-: container c c:2", "object without a name: container  c:3",
      ])
  }

  @Test func textsThatOnlyLookLikeObjectsAreNone() throws {
    let text = """
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: x}
      data: {pod.yaml: "{spec: {containers: [{image: c:1}]}}", containers: none}
      """
    #expect(try Self.images(text).isEmpty)
  }
}
