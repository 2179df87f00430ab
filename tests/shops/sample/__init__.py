"""The sample shop for tests: the demo's own, with faults."""
