public import Database

extension Outbox {
  /// The tables.
  public static var migrations: [Migration] {
    [
      Migration(owner: "outbox", version: 1, name: "outbox") { dialect in
        // Names are compared by their bytes, so that both databases, and this process, sort them alike.
        let name = dialect == .postgresql ? "text COLLATE \"C\"" : "text"
        let sequence =
          dialect == .postgresql
          ? "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY" : "integer PRIMARY KEY AUTOINCREMENT"
        // Moments are microseconds since 1970.
        return [
          """
          CREATE TABLE outbox (
            sequence \(sequence), id text NOT NULL UNIQUE,
            topic \(name) NOT NULL, destination \(name) NOT NULL, payload text NOT NULL,
            attempts bigint NOT NULL DEFAULT 0,
            next_at bigint NOT NULL, locked_until bigint, locked_by text,
            created_at bigint NOT NULL, last_error text)
          """,
          "CREATE INDEX outbox_order ON outbox (destination, topic, sequence)",
          "CREATE INDEX outbox_age ON outbox (destination, topic, created_at)",
          "CREATE INDEX outbox_next_at ON outbox (destination, next_at, sequence)",
          "CREATE INDEX outbox_locked ON outbox (destination, sequence) WHERE locked_by IS NOT NULL",
          // One row for each destination that messages wait for or that does not answer. due_at: never later than the
          // moment when a message may be claimed; null where none waits, and idle_since is when that was found.
          """
          CREATE TABLE outbox_destination (
            destination \(name) PRIMARY KEY, due_at bigint, idle_since bigint,
            failures bigint NOT NULL DEFAULT 0, held_until bigint NOT NULL DEFAULT 0)
          """,
          "CREATE INDEX outbox_destination_sound ON outbox_destination (due_at, destination) WHERE failures = 0",
          "CREATE INDEX outbox_destination_failing ON outbox_destination (due_at, destination) WHERE failures > 0",
          "CREATE INDEX outbox_destination_idle ON outbox_destination (idle_since) WHERE idle_since IS NOT NULL",
          """
          CREATE TABLE outbox_dead (
            sequence bigint PRIMARY KEY, id text NOT NULL, topic \(name) NOT NULL, destination \(name) NOT NULL, payload text NOT NULL,
            attempts bigint NOT NULL, created_at bigint NOT NULL, died_at bigint NOT NULL,
            cause text NOT NULL, reason text NOT NULL)
          """,
          "CREATE INDEX outbox_dead_died_at ON outbox_dead (died_at)",
        ]
      }
    ]
  }
}
