"""privy-connector keeps online shops in step with Privy. The engine: it knows no platform."""
