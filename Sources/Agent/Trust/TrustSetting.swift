import ReleaseManifest

/// What the Agent was told of whom to believe.
public enum TrustSetting: Sendable, Hashable {
  /// The envelope of the trust root to begin with, and the variable that gave it.
  case root(text: String, variable: String)
  /// `WRKTALK_AGENT_ALLOW_UNSIGNED`
  case unsigned
  /// Nothing: the root that is kept already counts.
  case kept
}

/// Why an Agent does not start: nobody can say what it is to believe.
public struct TrustSettingError: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String
}

extension TrustSetting {
  /// Takes in the root that the Agent begins with. What is kept already is only confirmed: no variable can change whom an Agent
  /// believes, since a variable may come from the bucket.
  /// - Throws: `TrustSettingError`, or a `RuntimeFailure` where the store cannot be read or written.
  public func establish(in store: any StateStore) async throws {
    let documents = try await store.load()
    let kept: (TrustMemory, TrustRoot)?
    do throws(TrustDocumentError) {
      kept = try TrustDocument.read(documents[AgentMemory.trustName])
    } catch {
      // The Agent looks after what runs, and says in each record what is damaged.
      if self == .unsigned { throw Self.refusal("a trust root is kept, though damaged (\(error.message))", store) }
      return
    }
    switch (self, kept) {
    case (.kept, .some), (.unsigned, nil): return
    case (.kept, nil):
      throw TrustSettingError(
        description: """
          WRKTALK_AGENT_TRUST_ROOT_FILE: is not set, and no trust root is kept in \(store.place): name the file with the \
          vendor's trust root (root.json), or, to deploy what nobody signed, set WRKTALK_AGENT_ALLOW_UNSIGNED=1
          """)
    case (.unsigned, let kept?):
      throw Self.refusal(
        "WRKTALK_AGENT_ALLOW_UNSIGNED: is set, but version \(kept.1.version) of the trust root of \(kept.1.product) is kept",
        store)
    case (.root(let text, let variable), nil):
      let memory: TrustMemory
      do throws(TrustError) { memory = try TrustMemory(firstRoot: text) } catch {
        throw TrustSettingError(description: "\(variable): \(error.message)")
      }
      try await Self.keep(memory, in: store, documents)
    case (.root(let text, let variable), .some((var memory, let root))):
      do throws(TrustError) {
        if try memory.knows(root: text) { return }
        _ = try memory.takeIn(roots: [text])
      } catch {
        throw Self.refusal(
          "\(variable): is another trust root than version \(root.version) of \(root.product), which is kept, and does not "
            + "follow it (\(error.message))", store)
      }
      try await Self.keep(memory, in: store, documents)
    }
  }

  private static func keep(
    _ memory: TrustMemory, in store: any StateStore, _ documents: [String: [UInt8]]
  ) async throws(RuntimeFailure) {
    let change = try TrustDocument.change(memory)
    var after = documents
    after[change.name] = change.content
    try await store.write([change], leaving: after)
  }

  private static func refusal(_ text: String, _ store: any StateStore) -> TrustSettingError {
    TrustSettingError(
      description: """
        \(text) in \(store.place). Whom this Agent believes is not changed by a variable: to begin anew on purpose, an \
        administrator of this machine stops the Agent and does "\(store.removal)"
        """)
  }
}
