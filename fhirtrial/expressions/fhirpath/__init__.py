"""Criteria → FHIRPath over a Bundle of a patient's record, where it says exactly what the tree says; {} is unknown."""

from fhirtrial.expressions.fhirpath.criterion import NoFhirPath, Path, fhirpath

__all__ = ["NoFhirPath", "Path", "fhirpath"]
