"""An attrition in sentences: what a picture shows, for those who hear it, and in full where the picture is short."""

from __future__ import annotations

from collections.abc import Mapping

from fhirtrial.matching.attrition import Attrition, Step


def described(of: Attrition) -> str:
    """Everything, a line for each criterion."""
    aside = f" ({_listed(of.set_aside)})" if of.set_aside else ""
    said = (
        f"{of.screened} patients screened for {of.trial} on {of.on.isoformat()}: "
        f"{of.screened - of.judged} set aside{aside}, {of.judged} came to the criteria, "
        f"{of.remained} were ruled out by none. Verdicts: {_listed(of.verdicts)}."
    )
    return "\n".join((said, *map(of_step, of.steps)))


def of_step(step: Step) -> str:
    return (
        f"{step.criterion} ({step.kind}): {' '.join(step.text.split())}\n"
        f"Came {step.came}, ruled out {step.came - step.remained}, remain {step.remained}. "
        f"Of all screened: {_listed(step.truths)}."
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())
