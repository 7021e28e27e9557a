// {"expressions": {name: text}, "patients": [{"bundle", "constants"}]} in; per patient, in order, {name: value} out: true,
// false, null for the empty collection, or a text that says what went wrong.
import fhirpath from "fhirpath";
import r4 from "fhirpath/fhir-context/r4/index.js";

import { readInput, writeLine } from "./streams.mjs";

const { expressions, patients } = JSON.parse(readInput());
const compiled = Object.entries(expressions).map(([name, text]) => [name, fhirpath.compile(text, r4)]);

/** The engine throws errors, and on some inputs plain texts. */
function value(run, bundle, constants) {
  try {
    const found = run(bundle, constants);
    if (found.length > 1) return `${found.length} values`;
    return found.length === 0 ? null : found[0];
  } catch (error) {
    return String(error?.message ?? error).replace(/\s+/g, " ");
  }
}

for (const { bundle, constants } of patients) {
  writeLine(Object.fromEntries(compiled.map(([name, run]) => [name, value(run, bundle, constants)])));
}
