"""Eligibility text → criteria trees: one stage a file, plain data between them; nothing is dropped and nothing is guessed."""
