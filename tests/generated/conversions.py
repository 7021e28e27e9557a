"""The same limit written in two units, by factors of clinical tables and not of the code that is tested."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from fhirtrial.criteria.tree import Op

# Name, concept, unit, its UCUM code, the other unit, its UCUM code, other = factor · one (+ offset), usual limits.
_ROWS: tuple[tuple[str, str, str, str, str, str, float, float, tuple[float, ...]], ...] = (
    ("Creatinine", "creatinine", "mg/dL", "mg/dL", "µmol/L", "umol/L", 88.42, 0, (1.2, 1.5, 2, 2.5)),
    ("Serum creatinine", "creatinine", "mg/dl", "mg/dL", "umol/l", "umol/L", 88.42, 0, (1.5, 1.8, 3)),
    ("Haemoglobin", "hemoglobin", "g/dL", "g/dL", "g/L", "g/L", 10, 0, (8, 9, 10, 12.5)),
    ("Hemoglobin", "hemoglobin", "g/dl", "g/dL", "g/l", "g/L", 10, 0, (8.5, 9, 11)),
    ("Platelets", "platelets", "x10^9/L", "10*9/L", "/mm3", "/mm3", 1000, 0, (50, 75, 100, 150)),
    ("Platelet count", "platelets", "× 10⁹/L", "10*9/L", "/µL", "/uL", 1000, 0, (50, 100, 140)),
    ("Platelets", "platelets", "10^9/l", "10*9/L", "x10^3/µL", "10*3/uL", 1, 0, (75, 100)),
    ("Platelets", "platelets", "x109/L", "10*9/L", "K/uL", "10*3/uL", 1, 0, (75, 100)),
    ("Neutrophils", "neutrophils", "x10^9/L", "10*9/L", "cells/mm3", "/mm3", 1000, 0, (1, 1.5, 2)),
    ("Absolute neutrophil count", "neutrophils", "10E9/L", "10*9/L", "cells/µL", "/uL", 1000, 0, (1, 1.5)),
    ("Leukocytes", "leukocytes", "x10^9/L", "10*9/L", "/mm^3", "/mm3", 1000, 0, (2, 3, 3.5)),
    ("CD4 cell count", "cd4-count", "cells/mm³", "/mm3", "x10^9/L", "10*9/L", 0.001, 0, (50, 200, 350)),
    ("Total bilirubin", "bilirubin-total", "mg/dL", "mg/dL", "µmol/L", "umol/L", 17.104, 0, (1.5, 2, 3)),
    ("Fasting plasma glucose", "fasting-glucose", "mg/dL", "mg/dL", "mmol/L", "mmol/L", 1 / 18.016, 0, (100, 126, 270)),
    ("LDL cholesterol", "ldl-cholesterol", "mg/dL", "mg/dL", "mmol/L", "mmol/L", 1 / 38.67, 0, (70, 100, 190)),
    ("Triglycerides", "triglycerides", "mg/dL", "mg/dL", "mmol/L", "mmol/L", 1 / 88.54, 0, (150, 400, 500)),
    ("Calcium", "calcium", "mg/dL", "mg/dL", "mmol/L", "mmol/L", 1 / 4.0078, 0, (8, 10.5, 11)),
    ("Uric acid", "uric-acid", "mg/dL", "mg/dL", "µmol/L", "umol/L", 59.484, 0, (6, 7, 8)),
    ("Phosphate", "phosphate", "mg/dL", "mg/dL", "mmol/L", "mmol/L", 1 / 3.0974, 0, (2.5, 4.5, 5.5)),
    ("25-hydroxyvitamin D", "vitamin-d-level", "ng/mL", "ng/mL", "nmol/L", "nmol/L", 2.4963, 0, (10, 20, 30)),
    ("Albumin", "albumin", "g/dL", "g/dL", "g/L", "g/L", 10, 0, (2.5, 2.8, 3.5)),
    ("C reactive protein", "crp", "mg/dL", "mg/dL", "mg/L", "mg/L", 10, 0, (0.5, 1, 5)),
    ("Ferritin", "ferritin", "ng/mL", "ng/mL", "µg/L", "ug/L", 1, 0, (15, 100, 300)),
    ("NT-proBNP", "nt-probnp", "pg/mL", "pg/mL", "ng/L", "ng/L", 1, 0, (125, 300, 600)),
    ("Fibrinogen", "fibrinogen", "mg/dL", "mg/dL", "g/L", "g/L", 0.01, 0, (100, 150, 200)),
    ("Systolic blood pressure", "systolic-blood-pressure", "mmHg", "mm[Hg]", "kPa", "kPa", 0.133322, 0, (90, 140, 180)),
    ("Body weight", "body-weight", "kg", "kg", "lbs", "[lb_av]", 2.20462, 0, (40, 50, 100)),
    ("Body temperature", "body-temperature", "°C", "Cel", "°F", "[degF]", 1.8, 32, (37.5, 38, 38.5)),
    ("QTc interval", "qtc-interval", "ms", "ms", "seconds", "s", 0.001, 0, (450, 470, 500)),
    ("QTc interval", "qtc-interval", "msec", "ms", "ms", "ms", 1, 0, (450, 480)),
)  # fmt: skip
# How far from the limit a patient's result lies; nearer than the rounding of the written limits, nothing is said.
_BESIDE = (0.7, 0.97, 0.995, 1.005, 1.03, 1.4)


@dataclass(frozen=True)
class Limit:
    """Two texts of one limit, and results of patients: value, UCUM unit, and whether the limit holds for it."""

    one: str
    other: str
    concept: str
    results: tuple[tuple[float, str, bool], ...]


def limits(count: int) -> list[Limit]:
    return [_limit(Random(f"unit {place}"), place) for place in range(count)]


def _limit(random: Random, place: int) -> Limit:
    name, concept, unit, code, other_unit, other_code, factor, offset, usual = _ROWS[place % len(_ROWS)]
    op: Op = random.choice((">=", "<=", ">", "<"))
    value = random.choice(usual)
    results = []
    for share in _BESIDE:
        near = value + (value - 32 / 1.8 if offset else value) * (share - 1)
        held = near > value if op[0] == ">" else near < value
        shown = (near, code) if random.random() < 0.5 else (near * factor + offset, other_code)
        results.append((float(f"{shown[0]:.9g}"), shown[1], held))
    written = f"{float(f'{value * factor + offset:.5g}'):,.10g}"
    return Limit(f"{name} {op} {value:g} {unit}", f"{name} {op} {written} {other_unit}", concept, tuple(results))
