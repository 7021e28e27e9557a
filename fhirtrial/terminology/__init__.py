"""Concepts, code systems, units, medicines and policy tables: what the other rooms may ask about clinical words.

Nothing is read from disk until it is asked for.
"""

from fhirtrial.terminology.concepts import Code, Concept
from fhirtrial.terminology.load import load
from fhirtrial.terminology.lookup import Terminology

__all__ = ["Code", "Concept", "Terminology", "load"]
