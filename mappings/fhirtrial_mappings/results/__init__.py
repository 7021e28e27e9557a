"""Matches → FHIR: one dull module per resource. Machines propose here; nothing overwrites what a person decided.

The Device stands with the pairs and with the summaries, as both name it and either may be written without the other.
"""

from fhirtrial.plugins import Mapping
from fhirtrial_mappings.results import (
    device,
    guidance_response,
    measure_report,
    provenance,
    report_reading,
    research_subject,
    screening_list,
)

RESULTS: tuple[Mapping, ...] = (
    Mapping("Device", "R4", "match", device.r4, merge=device.merge),
    Mapping("ResearchSubject", "R4", "match", research_subject.r4),
    Mapping("GuidanceResponse", "R4", "match", guidance_response.r4, merge=guidance_response.merge),
    Mapping("Provenance", "R4", "match", provenance.r4, merge=provenance.merge),
    Mapping("Device", "R4", "screening", device.r4, merge=device.merge),
    Mapping("MeasureReport", "R4", "screening", measure_report.r4, report_reading.attrition, measure_report.merge),
    Mapping("List", "R4", "screening", screening_list.r4, merge=screening_list.merge),
    Mapping("Device", "R5", "match", device.r5, merge=device.merge),
    Mapping("ResearchSubject", "R5", "match", research_subject.r5),
    Mapping("GuidanceResponse", "R5", "match", guidance_response.r5, merge=guidance_response.merge),
    Mapping("Provenance", "R5", "match", provenance.r5, merge=provenance.merge),
    Mapping("Device", "R5", "screening", device.r5, merge=device.merge),
    Mapping("MeasureReport", "R5", "screening", measure_report.r5, report_reading.attrition, measure_report.merge),
    Mapping("List", "R5", "screening", screening_list.r5, merge=screening_list.merge),
)
