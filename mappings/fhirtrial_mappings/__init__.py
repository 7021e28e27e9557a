"""The standard mappings: one dull module per FHIR resource, found through entry point group `fhirtrial.mappings`."""

from fhirtrial.plugins import Mapping
from fhirtrial_mappings.artifacts import ARTIFACTS
from fhirtrial_mappings.results import RESULTS

MAPPINGS: tuple[Mapping, ...] = (*ARTIFACTS, *RESULTS)
