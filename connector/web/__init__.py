"""The daemon's front: webhooks, health, and whatever else is served over HTTP."""
