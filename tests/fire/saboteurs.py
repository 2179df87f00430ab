"""Saboteurs."""
