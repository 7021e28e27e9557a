"""What registries and their mirrors print above a value → the slot it opens; a table, one line per slot.

A label that only opens furniture is listed too: it ends whatever stood before it. Labels are compared without case
and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SLOTS: Mapping[str, str] = {
    "title": "brief title|study title|public title|trial title",
    "official_title": "official title|scientific title|full title",
    "acronym": "acronym|study acronym|trial acronym",
    "nct_id": "nct id|nct number|nct|registration number|clinicaltrials gov id|clinicaltrials gov identifier|"
    "clinical trial identifier|trial id|study id numbers|registry id|identifier",
    "status": "status|overall status|recruitment status|trial status|study status|recruiting status",
    "phase": "phase|phases|study phase|trial phase",
    "last_update": "last updated|last update|last update posted|last updated date|last update date",
    "first_posted": "first posted|study first posted|date first posted",
    "start_date": "start date|study start|study start date|study start actual|study start estimated|trial start date|"
    "actual study start date|estimated study start date",
    "primary_completion": "primary completion|primary completion date|primary completion actual|"
    "primary completion estimated|actual primary completion date|estimated primary completion date",
    "completion": "completion date|study completion|study completion date|study completion actual|"
    "study completion estimated|end date|actual study completion date|estimated study completion date",
    "conditions": "conditions|condition|condition or disease|health condition|health conditions|medical condition|"
    "medical conditions studied|diseases",
    "keywords": "keywords|key words",
    "interventions": "interventions|intervention|intervention treatment|treatments|intervention s",
    "other_names": "other intervention names|other names",
    "sponsor": "lead sponsor|sponsor|study sponsor|primary sponsor|sponsored by",
    "sponsors": "sponsors|sponsors and collaborators|sponsor collaborators",
    "collaborators": "collaborators|collaborator",
    "responsible_party": "responsible party",
    "officials": "principal investigators|principal investigator|investigators|overall officials|study officials",
    "contacts": "central contacts|central contact|central trial contact|contacts|contact|study contact|trial contacts|"
    "contact information",
    "brief_summary": "brief summary|summary|plain language summary|study overview|overview|about|about this study|"
    "about this trial|study summary|trial summary|description|study description",
    "detailed_description": "detailed description|detailed summary|full description",
    "study_type": "study type|trial type|type of study",
    "allocation": "allocation|design allocation",
    "intervention_model": "interventional model|intervention model|study model|intervention assignment",
    "primary_purpose": "primary purpose|purpose|main purpose",
    "masking": "masking|blinding|masking description",
    "observational_model": "observational model",
    "time_perspective": "time perspective|time perspectives",
    "enrollment": "enrollment|enrolment|target recruitment|target enrollment|estimated enrollment|actual enrollment|"
    "enrollment estimated|enrollment actual|number of participants|target sample size|sample size",
    "basics": "basic information|key facts|at a glance|trial snapshot|study details|trial details|study information",
    "design": "study design|study and design|trial design|design|study design details",
    "arms": "study groups|arms|arm groups|study arms|treatment groups|arms and interventions|"
    "study arms and interventions|groups and cohorts|arm interventions|arms interventions|groups and interventions",
    "primary_outcomes": "primary outcome|primary outcomes|primary outcome measures|primary outcome measure|"
    "primary endpoint|primary endpoints",
    "secondary_outcomes": "secondary outcome|secondary outcomes|secondary outcome measures|secondary outcome measure|"
    "secondary endpoint|secondary endpoints",
    "other_outcomes": "other outcomes|other outcome measures|other pre specified outcome measures",
    "outcomes": "outcomes|outcome measures|what they re measuring|what is being measured|study outcomes|endpoints",
    "eligibility": "eligibility|eligibility criteria|who can participate|who can take part|participation criteria|"
    "recruitment eligibility|participant eligibility|selection criteria|criteria|recruitment and eligibility",
    "sex": "sex|gender|sexes eligible for study|genders eligible for study|eligible sex|sexes|sex gender",
    "ages": "age|ages|age range|ages eligible for study|eligible ages|eligible age|age limits|age group",
    "minimum_age": "minimum age|min age|age minimum|lower age limit",
    "maximum_age": "maximum age|max age|age maximum|upper age limit",
    "healthy_volunteers": "healthy volunteers|accepts healthy volunteers|volunteers|healthy volunteers accepted|"
    "accepts healthy participants",
    "study_population": "study population",
    "references": "references|publications|bibliography",
    "other_ids": "other identifiers|secondary ids|secondary identifiers|other study id numbers|other ids",
    "locations": "trial locations|locations|study locations|contacts and locations|location|sites|trial sites",
    "furniture": "study results|results|related clinical trials|more related trials|related trials|similar trials|"
    "similar studies|see this in plain english|questions worth asking your doctor|questions for the trial coordinator|"
    "questions to ask|clinical trials|research sites|resources|legal|study record dates|more information|"
    "study plan|how is the study designed|what is the study measuring|share|print|download|"
    "frequently asked questions|faq|disclaimer|navigation|menu|search|related news|news|documents|study documents|"
    "participation guide|find a trial near you|how to participate|next steps|trial updates|history of changes",
}


def folded(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.casefold()).strip()


LABELS: Mapping[str, str] = {name: slot for slot, names in _SLOTS.items() for name in names.split("|")}

# Lines that belong to the site, not to the trial.
FURNITURE = re.compile(
    r"©|\ball rights reserved\b|\binformational purposes\b|\bmedical advice\b|^data sourced from\b|^loading\b|"
    r"^powered by\b|\bcookies?\b|\bprivacy policy\b|\bterms of (?:use|service)\b|^sign (?:up|in)\b|^log ?in\b|"
    r"\bAI-(?:rewrites?|generated)\b|^back to\b|^view (?:all|more|full)\b|^show (?:all|more)\b|^see (?:all|more)\b|"
    r"^generated to help\b",
    re.IGNORECASE,
)
# A site's own sentence under a heading, in the imperative: "Review the sponsor-provided synopsis that…".
GUIDANCE = re.compile(
    r"^(?:Additional|Browse|Check|Discover|Dive|Explore|Find|Get|Identify|Learn|Meet|Reach out|Review|See|"
    r"Understand|View)\b.{20,}\.$"
)
NOT_GIVEN = re.compile(r"^[\W_]*(?:not available|not provided|not specified|n/?a|none|unknown)?[\W_]*$", re.IGNORECASE)
