"""A Medusa server for tests: the reading part of its Admin API, with rules that were seen on a real one."""
