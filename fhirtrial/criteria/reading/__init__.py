"""Canonical English → tree, the other way of `criteria.english`; the only door is `reading.english`."""
