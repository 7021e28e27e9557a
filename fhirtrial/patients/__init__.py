"""FHIR resources → facts: dates, codes, quantities, dosage, references, and what the reading covers."""

from fhirtrial.patients.completeness import ALL, Loaded, loaded_families
from fhirtrial.patients.document import Limits
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import facts_of, read_patients

__all__ = ["ALL", "Facts", "Limits", "Loaded", "facts_of", "loaded_families", "read_patients"]
