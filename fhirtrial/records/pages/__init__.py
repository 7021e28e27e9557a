"""Registry pages copied as plain text, from any site: read by generic labels, never by the site or the trial."""
