"""The design's one sentence as code: read, map, load, match, report, post. Every front door calls these."""
