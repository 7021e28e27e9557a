"""What a trial is published as: one module per resource with `r4` and `r5`, and `read` where a match reads it back."""

from fhirtrial.plugins import Mapping
from fhirtrial_mappings.artifacts import (
    activity_definition,
    evidence_variable,
    foreign_group,
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
    Mapping("Group", "R4", "trial", group.r4, read=group.read, adopt=foreign_group.trial),
    Mapping("Questionnaire", "R4", "trial", questionnaire.r4, read=questionnaire.read),
    Mapping("Measure", "R4", "trial", measure.r4),
    Mapping("ValueSet", "R4", "trial", value_set.r4),
    Mapping("ResearchStudy", "R5", "trial", research_study.r5, read=research_study.read),
    Mapping("Library", "R5", "trial", library.r5, read=library.read),
    Mapping("PlanDefinition", "R5", "trial", plan_definition.r5, read=plan_definition.read),
    Mapping("ActivityDefinition", "R5", "trial", activity_definition.r5),
    Mapping("Group", "R5", "trial", group.r5, read=group.read),
    Mapping("EvidenceVariable", "R5", "trial", evidence_variable.r5, read=evidence_variable.read),
    Mapping("Questionnaire", "R5", "trial", questionnaire.r5, read=questionnaire.read),
    Mapping("Measure", "R5", "trial", measure.r5),
    Mapping("ValueSet", "R5", "trial", value_set.r5),
)
