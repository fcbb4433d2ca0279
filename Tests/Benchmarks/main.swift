// Empty until the first benchmark.
