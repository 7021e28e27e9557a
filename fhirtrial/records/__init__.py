"""Trial records: what a registry document says, normalized; readers know formats, never a particular trial."""
