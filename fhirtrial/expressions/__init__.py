"""Tree → expressions in other languages, generated from the normative tree and never read back."""
