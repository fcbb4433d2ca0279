import HTTPTransport
public import ResourceModel

extension ResourceClient {
  private static let pods = ResourceNames(group: "", version: "v1", kind: "Pod", plural: "pods", singular: "pod")

  /// The end of what a container of a pod has written.
  ///
  /// - Parameters:
  ///   - container: nil where the pod has only one.
  ///   - previous: of the container before its last restart.
  ///   - tailLines: at most so many lines, the last ones.
  ///   - limitBytes: at most so many bytes, from the first of those lines on.
  /// - Returns: lines; bytes that are no UTF-8 are replaced.
  public func podLog(
    _ key: ObjectKey, container: String?, previous: Bool, tailLines: Int, limitBytes: Int
  ) async throws(ResourceClientError) -> String {
    var items: [(name: String, value: String)] = []
    if let container { items.append(("container", container)) }
    if previous { items.append(("previous", "true")) }
    items += [("tailLines", String(tailLines)), ("limitBytes", String(limitBytes))]
    // The log is plain text, but API servers refuse (406) whoever asks for that alone; errors are JSON.
    var request = request("GET", path(Self.pods, key, "log", items), accept: "application/json, */*")
    request.maximumResponseBytes = max(limitBytes, 0) + (1 << 20)
    let response = try await response(to: request)
    guard response.isSuccess else {
      throw ResponseReader.error(status: response.status, body: response.body, from: endpoint.baseURL)
    }
    return String(decoding: response.body, as: UTF8.self)
  }
}
