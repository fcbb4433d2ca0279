// What a client is made with is part of its interface.
@_exported public import CurlTransfers
import Synchronization

/// Hands mails to one SMTP server, over libcurl: STARTTLS or TLS, connections that are used again.
///
/// It never goes through a proxy. An idle client uses no CPU. Each connection has a thread: libcurl gives its thread to
/// nobody else while it waits for the server's word on a text, which may take as long as the server looks at it.
public final class MailClient: Sendable {
  private struct Lane {
    let loop: TransferLoop
    var transfers: [ObjectIdentifier: MailTransfer] = [:]
  }

  private let settings: MailSettings
  private let lanes: Mutex<[Lane]>

  /// - Parameters:
  ///   - connections: how many to the server there are at once; at least 1. Providers allow few.
  ///   - addresses: which may be connected to; any by default, since the operator names the server.
  public init(
    _ settings: MailSettings, peerTimeouts: PeerTimeouts = PeerTimeouts(), connections: Int = 4,
    addresses: AddressPolicy = .unrestricted
  ) {
    self.settings = settings
    let loopSettings = LoopSettings(
      peerTimeouts: peerTimeouts, limits: ClientConnectionLimits(total: 1), addresses: addresses)
    lanes = Mutex((0..<max(connections, 1)).map { _ in Lane(loop: TransferLoop(loopSettings)) })
  }

  deinit { stop() }

  /// Returns when the server has taken the mail for all its recipients.
  ///
  /// Cancelling the task ends the attempt at once; the server may have taken the mail then.
  public func send(_ message: MailMessage) async throws(MailError) {
    let transfer = MailTransfer(try message.encoded(), from: message.from, to: message.to, settings)
    let (index, loop) = enter(transfer)
    await loop.run(transfer) { await transfer.waitUntilEnd() }
    lanes.withLock { $0[index].transfers[ObjectIdentifier(transfer)] = nil }
    try transfer.check()
  }

  /// Fails what is under way with `cancelled`; later mails fail. The connections are closed soon after.
  public func stop() {
    let lanes = lanes.withLock { $0 }
    for lane in lanes {
      lane.loop.stop()
      for transfer in lane.transfers.values { lane.loop.cancel(transfer) }
    }
  }

  /// Where the fewest wait.
  private func enter(_ transfer: MailTransfer) -> (index: Int, loop: TransferLoop) {
    lanes.withLock { lanes in
      let index = lanes.indices.min { lanes[$0].transfers.count < lanes[$1].transfers.count } ?? 0
      lanes[index].transfers[ObjectIdentifier(transfer)] = transfer
      return (index, lanes[index].loop)
    }
  }
}
