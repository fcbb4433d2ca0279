import CoreKinds
import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import WireFormats

@testable import Access
@testable import HTTPService
@testable import ObjectStorage
@testable import ResourceServer
@testable import ResourceStorage

extension FuzzTarget {
  /// A DesiredDeployment, as JSON: checked, completed, and decided upon, whatever its spec and status say.
  static let record = FuzzTarget(name: "record", maximumByteCount: 16 << 10) { bytes in
    guard let json = try? JSONValue(parsing: bytes) else { return }
    let definition = DesiredDeploymentKind.definition
    let pruned = definition.pruned(json)
    try require(definition.unknownFields(in: pruned).isEmpty, "a pruned object has unknown fields")
    let completed = definition.applyDefaults(to: pruned)
    try require(definition.applyDefaults(to: completed) == completed, "defaults are applied twice")
    _ = definition.validationErrors(in: completed)
    guard let desired = try? completed.decoded(as: DesiredDeployment.self) else { return }
    let now = Timestamp(seconds: 1_797_300_000)
    let environments: [DeploymentFacts.Environment] = [
      .notObserved, .observed(.compose([])), .observed(.helm(HelmObservation(latest: nil))),
      .unavailable(DeploymentFailure(isTransient: true, reason: "EngineUnreachable", message: "no answer")),
    ]
    for environment in environments {
      for runtime in [DeploymentRuntimeKind.compose, .helm] {
        _ = DeploymentPlanner.decide(
          desired, facts: DeploymentFacts(now: now, runtime: runtime, environment: environment, license: .valid))
      }
    }
  }

  /// What a request consists of: path, query, headers, and a body in Kubernetes' protobuf.
  static let request = FuzzTarget(name: "request", maximumByteCount: 4 << 10) { bytes in
    let parts = bytes.parts(5)
    _ = APIPath(parts[0].asText)
    _ = HostRule.names(["name"]).allows(parts[0].asText)
    _ = PeerAddress.limitKey(parts[0].asText)
    if let query = try? QueryItems(parts[1].asText) {
      for definition in (DeploymentKind.definitions + CoreKind.definitions) {
        _ = try? ReadOptions(query, definition: definition)
      }
      for operation in [WriteOptions.Operation.update, .apply] { _ = try? WriteOptions(query, for: operation) }
      if let text = query["continue"], let token = try? ContinueToken(text) {
        try require((try? ContinueToken(token.text)) == token, "the continue token is read back as another")
      }
    }
    let header = parts[2].asText
    _ = Credentials(authorization: header, header: nil).token
    _ = try? Representation(accept: header)
    for definition in (DeploymentKind.definitions + CoreKind.definitions) {
      _ = try? PatchFormat(contentType: parts[3].asText, for: definition.names)
    }
    _ = try? JSONBody.requireJSON(parts[3].asText, sentWith: .password(""))
    _ = ProtobufReader.kubernetesMessage(Array("k8s\0".utf8) + parts[4])
    _ = ProtobufReader.kubernetesMessage(parts[4])
    _ = try? NamespaceProtobuf.object(Array("k8s\0".utf8) + parts[4])
    _ = try? DeleteOptions(QueryItems(parts[1].asText), body: try? JSONValue(parsing: Array(parts[4])))
  }

  /// What a store answers.
  static let xml = FuzzTarget(name: "xml", maximumByteCount: 4 << 10) { bytes in
    for listing in [S3Answer.listing(bytes), AzureAnswer.listing(bytes), GoogleAnswer.listing(bytes)].compactMap(\.self)
    {
      try require(listing.continuation != "", "a list that begins anew where it ends")
    }
    guard let root = XMLParser.parse(bytes) else { return }
    try require(!root.name.isEmpty || bytes.contains(UInt8(ascii: ":")), "an element without a name")
  }

  /// A form with files, whole and byte by byte: both say the same, and all of a part that is whole was handed on.
  static let form = FuzzTarget(name: "form", maximumByteCount: 4 << 10) { bytes in
    func read(pieces: Int) -> [MultipartParser.Event]? {
      guard var parser = try? MultipartParser(contentType: "multipart/form-data; boundary=X") else { return nil }
      var events: [MultipartParser.Event] = []
      var rest = bytes[...]
      while !rest.isEmpty {
        guard let next = try? parser.feed(rest.prefix(pieces)) else { return nil }
        for event in next {
          if case .content(let more) = event, case .content(let known)? = events.last {
            events[events.count - 1] = .content(ArraySlice(Array(known) + more))
          } else if case .content(let more) = event {
            events.append(.content(ArraySlice(Array(more))))
          } else {
            events.append(event)
          }
        }
        rest = rest.dropFirst(pieces)
      }
      return (try? parser.finish()) == nil ? nil : events
    }
    try require(read(pieces: .max) == read(pieces: 1), "a form is read otherwise where it comes in pieces")
  }
}
