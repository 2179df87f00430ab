"""Stand-ins for shops: servers on loopback that keep the rules of the real thing."""
