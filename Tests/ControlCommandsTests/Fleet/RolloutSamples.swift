import WireFormats

/// Rollouts as a server answers them.
enum RolloutSamples {
  static func object(
    phase: String = "Progressing", reason: String = "canary has passed; 100 of early may be under way",
    generation: Int64 = 1,
    observed: Int64 = 1, state: String = "Running", approved: [String] = [], failed: Int64 = 3
  ) -> JSONValue {
    [
      "apiVersion": "deploy.wrktalk.com/v1", "kind": "Rollout",
      "metadata": [
        "name": "spring", "uid": "u", "resourceVersion": "7", "generation": .integer(generation),
        "creationTimestamp": "2027-01-15T08:00:00Z",
      ],
      "spec": [
        "release": "2.3.0", "state": .string(state), "approvedStages": .array(approved.map { .string($0) }),
        "stages": [
          ["name": "canary", "count": 10, "gate": ["approval": true, "soak": "1h", "successPercent": 98]],
          ["name": "early", "percent": 25, "maxInFlight": 100, "startsPerMinute": 50, "gate": ["maxFailures": 5]],
          ["name": "everyone"],
        ],
      ],
      "status": [
        "observedGeneration": .integer(observed), "phase": .string(phase), "reason": .string(reason),
        "stages": [
          [
            "name": "canary", "phase": "Passed", "startedAt": "2027-01-15T08:00:00Z",
            "counts": ["members": 10, "succeeded": 9, "offline": 1],
          ],
          [
            "name": "early", "phase": "Running", "startedAt": "2027-01-15T09:00:00Z",
            "counts": [
              "members": .integer(97 + failed), "succeeded": 28, "failed": .integer(failed), "inProgress": 1,
              "notifying": 2, "consent": 4, "scheduled": 2, "waiting": 55, "offline": 4, "silent": 1,
            ],
          ],
          ["name": "everyone", "phase": "Pending", "counts": ["members": 0]],
        ],
      ],
    ]
  }
}
