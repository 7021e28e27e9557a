"""Counts as pictures for people: an attrition becomes shapes, shapes become SVG or PNG; nothing is counted here."""
