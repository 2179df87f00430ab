"""A local stand-in for Privy that keeps every rule of the orders reference, for tests and first steps."""
