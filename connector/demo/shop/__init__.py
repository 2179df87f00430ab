"""A small web shop for the demo: in memory, on loopback, with a past and a life of its own."""
