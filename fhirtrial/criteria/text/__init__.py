"""Eligibility text → criteria trees: one stage a file, plain data between them; nothing is dropped, nothing guessed."""
