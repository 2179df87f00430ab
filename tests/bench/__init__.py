"""The measurements of ``make bench``; nothing here is a test."""
