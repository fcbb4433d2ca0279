import Access
import AsyncAlgorithms
import HTTPService
import Hummingbird
import ResourceModel
import ResourceStorage
import ServiceLifecycle
import WireFormats

extension ResourceAPI {
  /// What a watch's sender waits for.
  private enum WatchSignal: Sendable {
    case change(ObjectChange)
    case failure(StatusError)
  }

  private struct WatchPlan: Sendable {
    var definition: ResourceDefinition
    var namespace: String?
    var options: ReadOptions
    var encoder: WatchEventEncoder
    var duration: Duration
    var connection: ClientConnection
  }

  /// - Parameter name: the one object to watch; nil for all.
  func watch(
    _ definition: ResourceDefinition, namespace: String?, name: String?, _ call: APICall
  ) async throws -> Response {
    var options = try ReadOptions(call.query, definition: definition)
    if let name { options.selector.fields.append(.equals(path: "metadata.name", value: name)) }
    let encoder = WatchEventEncoder(names: definition.names, form: try listForm(definition, call), now: now)
    let duration = min(
      options.timeoutSeconds.map { .seconds($0) } ?? configuration.maximumWatchDuration,
      configuration.maximumWatchDuration)
    let plan = WatchPlan(
      definition: definition, namespace: namespace, options: options, encoder: encoder, duration: duration,
      connection: call.connection)
    // Opened before the answer begins, so that a version that is too old is an answer and not the end of one.
    let changes: AsyncThrowingStream<ObjectChange, any Error>? =
      if let revision = options.watchAfter {
        try await store.watch(definition, namespace: namespace, selector: options.selector, after: revision)
      } else {
        nil
      }
    let lease = try watchers.enter(call.identity, isMachine: call.isMachine)
    let request = call.request
    let isIdentityValid = call.caller.isStillValid
    let body = ResponseBody { writer in
      defer { lease.end() }
      let signals = AsyncChannel<WatchSignal>()
      try await request.body.consumeWithInboundCloseHandler { _ in
        try await run(plan, changes, signals, isIdentityValid, &writer)
      } onInboundClosed: {
        signals.finish()
      }
      try await writer.finish(nil)
    }
    return Response(
      status: .ok,
      headers: [.contentType: "application/json", .cacheControl: "no-cache, private", .connection: "close"], body: body)
  }

  /// Sends what is there now, where the client asked for it, then every change until the watch ends: by its time, by
  /// the client's leaving, by the server's shutdown, or with the client's token. Where the client reads too slowly its
  /// connection is closed (`ConnectionLimits.writeTimeout`), which is its leaving.
  @concurrent
  private func run(
    _ plan: WatchPlan, _ opened: AsyncThrowingStream<ObjectChange, any Error>?, _ signals: AsyncChannel<WatchSignal>,
    _ isIdentityValid: @escaping @Sendable () async throws -> Bool, _ writer: inout any ResponseBodyWriter
  ) async throws {
    var encoder = plan.encoder
    // Sends the head of the answer at once: a client learns that it watches before anything changes.
    try await writer.write(ByteBuffer())
    let changes: AsyncThrowingStream<ObjectChange, any Error>
    if let opened {
      changes = opened
    } else {
      let revision = try await sendPresentState(plan, isIdentityValid, &encoder, &writer)
      changes = try await store.watch(
        plan.definition, namespace: plan.namespace, selector: plan.options.selector, after: revision)
    }
    // All three end with this function.
    async let _ = Self.forward(changes, to: signals)
    async let _ = Self.end(signals, after: plan.duration)
    async let _ = Self.end(signals, unless: isIdentityValid, every: configuration.watchRecheckInterval)
    try await withGracefulShutdownHandler {
      for await signal in signals {
        var output: [UInt8] = []
        switch signal {
        case .change(let change): try append(change, plan, &encoder, &output)
        case .failure(let error): encoder.appendError(error, to: &output)
        }
        if !output.isEmpty { try await writer.write(ByteBuffer(bytes: output)) }
      }
    } onGracefulShutdown: {
      signals.finish()
    }
  }

  private func append(
    _ change: ObjectChange, _ plan: WatchPlan, _ encoder: inout WatchEventEncoder, _ output: inout [UInt8]
  ) throws {
    switch (change.kind, change.object) {
    case (.added, let object?): try encoder.append("ADDED", object, to: &output)
    case (.modified, let object?): try encoder.append("MODIFIED", object, to: &output)
    case (.deleted, let object?): try encoder.append("DELETED", object, to: &output)
    case (.bookmark, _) where plan.options.allowsBookmarks:
      encoder.appendBookmark(revision: change.revision, to: &output)
    default: break
    }
  }

  /// - Returns: the revision from which the watch goes on.
  @concurrent
  private func sendPresentState(
    _ plan: WatchPlan, _ isIdentityValid: @Sendable () async throws -> Bool, _ encoder: inout WatchEventEncoder,
    _ writer: inout any ResponseBodyWriter
  ) async throws -> Int64 {
    var query = ListQuery(namespace: plan.namespace, selector: plan.options.selector, limit: Self.pageSize)
    var revision: Int64?
    repeat {
      if revision != nil { try await Self.checkIdentity(isIdentityValid) }
      let page = try await page(plan.definition, query, plan.connection)
      revision = revision ?? page.revision
      var output: [UInt8] = []
      for item in page.items { try encoder.append("ADDED", item, to: &output) }
      query.continueToken = page.continueToken
      if query.continueToken == nil && plan.options.sendsInitialEvents {
        encoder.appendBookmark(revision: revision ?? page.revision, endsInitialEvents: true, to: &output)
      }
      try await Response.write(output, to: &writer)
    } while query.continueToken != nil
    return revision ?? 0
  }

  /// Hands the store's changes on, one at a time, until either side ends. The next is asked for only when the client
  /// took the last one.
  private static func forward(
    _ changes: AsyncThrowingStream<ObjectChange, any Error>, to signals: AsyncChannel<WatchSignal>
  ) async {
    do {
      for try await change in changes { await signals.send(.change(change)) }
    } catch {
      await signals.send(.failure(error as? StatusError ?? StatusError(.internalError, "the watch was interrupted")))
    }
    signals.finish()
  }

  private static func end(_ signals: AsyncChannel<WatchSignal>, after duration: Duration) async {
    do {
      try await Task.sleep(for: duration)
      signals.finish()
    } catch {
      // Cancelled: the watch ended before.
    }
  }

  /// Ends the watch of a token that was revoked or has expired. Where that cannot be found out the watch goes on.
  private static func end(
    _ signals: AsyncChannel<WatchSignal>, unless isIdentityValid: @Sendable () async throws -> Bool,
    every interval: Duration
  ) async {
    repeat {
      do { try await Task.sleep(for: interval) } catch { return }
    } while (try? await isIdentityValid()) ?? true
    await signals.send(.failure(tokenEnded))
    signals.finish()
  }

  private static let tokenEnded = StatusError(.unauthorized, "Unauthorized: the token was revoked or has expired")

  /// Before another page is sent to who began to read a while ago. Where it cannot be found out the answer goes on.
  static func checkIdentity(_ isIdentityValid: @Sendable () async throws -> Bool) async throws {
    guard (try? await isIdentityValid()) ?? true else { throw tokenEnded }
  }
}
