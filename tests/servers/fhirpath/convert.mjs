// [{"from", "to", "molarMass"}] in; one line out for each: the number of `to` in 1 and in 2 `from`, or null with the reason.
// Two values, because a temperature is a line and not a factor.
import ucum from "@lhncbc/ucum-lhc";

import { readInput, writeLine } from "./streams.mjs";

const utils = ucum.UcumLhcUtils.getInstance();

function converted(value, { from, to, molarMass }) {
  const found = utils.convertUnitTo(from, value, to, { molecularWeight: molarMass ?? undefined });
  if (found.status !== "succeeded") return { reason: found.msg.join(" ").replace(/\s+/g, " ") };
  return { number: found.toVal };
}

for (const pair of JSON.parse(readInput())) {
  const [one, two] = [1, 2].map((value) => converted(value, pair));
  writeLine({ one: one.number ?? null, two: two.number ?? null, reason: one.reason ?? null });
}
