"""What a trial is published as: one module per resource, each with `r4`, and `read` where the matcher reads it back."""

from fhirtrial.plugins import Mapping
from fhirtrial_mappings.artifacts import (
    activity_definition,
    group,
    library,
    measure,
    plan_definition,
    questionnaire,
    research_study,
    value_set,
)

ARTIFACTS: tuple[Mapping, ...] = (
    Mapping("ResearchStudy", "R4", "trial", research_study.r4, read=research_study.read),
    Mapping("Library", "R4", "trial", library.r4, read=library.read),
    Mapping("PlanDefinition", "R4", "trial", plan_definition.r4, read=plan_definition.read),
    Mapping("ActivityDefinition", "R4", "trial", activity_definition.r4),
    Mapping("Group", "R4", "trial", group.r4, read=group.read),
    Mapping("Questionnaire", "R4", "trial", questionnaire.r4, read=questionnaire.read),
    Mapping("Measure", "R4", "trial", measure.r4),
    Mapping("ValueSet", "R4", "trial", value_set.r4),
)
