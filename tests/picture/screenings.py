"""Attritions to draw: as small, as large and as strange as they come."""

from __future__ import annotations

import datetime as dt

from fhirtrial.matching.attrition import TRUTHS, VERDICTS, Attrition, Step

ON = dt.date(2026, 11, 1)
HEBREW = "גיל 18 ומעלה, ללא מחלת כבד פעילה (ALT > 3 × ULN) וללא טיפול קודם בתרופות מדכאות חיסון"
ARABIC = "العمر 18 سنة أو أكثر مع تشخيص مؤكد لالتهاب الجلد والعضلات"
CHINESE = (
    "年龄在18岁至75岁之间，经组织学或细胞学证实的局部晚期或转移性非鳞状非小细胞肺癌患者，且既往未接受过系统性抗肿瘤治疗"
)
RUSSIAN = "Тяжёлая сердечная недостаточность (класс III–IV по NYHA) или нестабильная стенокардия"
STRANGE = 'Creatinine < 1.5 & "eGFR" > 60, $x^2$ <b>bold</b> </text> \x00\x0b\ufffe'
LONG = (
    "Participants who, in the opinion of the investigator, have an uncontrolled intercurrent illness, including " * 30
)


def step(name: str, came: int, remained: int, text: str = "A criterion", unknown: int = 0) -> Step:
    kind = {"exc": "exclusion", "defect": "defect"}.get(name.partition("-")[0], "inclusion")
    gone = came - remained
    truths = (gone, 0, unknown, 0, 0) if kind == "exclusion" else (0, 0, unknown, 0, gone)
    return Step(
        criterion=name,
        kind=kind,
        text=text,
        came=came,
        remained=remained,
        truths=dict(zip(TRUTHS, truths, strict=True)),
    )


def screening(*steps: Step, screened: int, title: str = "A trial", trial: str = "NCT00000001") -> Attrition:
    """Ten are set aside where there are so many; all that remain are undetermined."""
    judged = steps[0].came if steps else screened
    remained = steps[-1].remained if steps else judged
    return Attrition(
        trial=trial,
        title=title,
        on=ON,
        screened=screened,
        set_aside={"deceased": screened - judged} if screened != judged else {},
        verdicts=dict(zip(VERDICTS, (0, 0, remained, 0, judged - remained), strict=True)),
        steps=steps,
    )


def falling(number: int, start: int = 1_234_567, text: str = LONG) -> Attrition:
    """Every criterion rules out a tenth of those who come to it."""
    steps, came = [], start
    for place in range(number):
        remained = came - came // 10
        steps.append(step(f"{'inc' if place < number / 2 else 'exc'}-{place + 1}", came, remained, text, place))
        came = remained
    return screening(*steps, screened=start + 4321)


TEXTS = (HEBREW, ARABIC, CHINESE, RUSSIAN, STRANGE, LONG, "x" * 500, "")
SCREENINGS = {
    "ordinary": screening(step("inc-1", 90, 70, unknown=7), step("exc-1", 70, 70), step("age", 70, 33), screened=100),
    "nobody screened": screening(step("inc-1", 0, 0), screened=0),
    "no criteria": screening(screened=12),
    "everybody set aside": screening(step("inc-1", 0, 0), screened=5),
    "everybody ruled out": screening(step("inc-1", 5, 0), step("exc-1", 0, 0), screened=5),
    "one of forty": falling(1),
    "forty": falling(40),
    "forty that rule out nobody": screening(*(step(f"exc-{n}", 8, 8, unknown=8) for n in range(1, 41)), screened=8),
    "strange texts": screening(
        *(step(f"inc-{n}", 100 - n, 99 - n, text, n + 1) for n, text in enumerate(TEXTS)),
        screened=110,
        title=f"{ARABIC} & <test>",
        trial="../ΑΒΓ 1",
    ),
    "long names": screening(step("a-criterion-" * 20, 9, 8, LONG), screened=9, title=LONG, trial="N" * 200),
}
