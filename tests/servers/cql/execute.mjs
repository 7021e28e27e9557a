// {"cql", "defines", "patients": [{"bundle", "parameters"}]} in; per patient, in order, {"results": {define: value}} or
// {"error"} out. Without `defines` every define is evaluated. A define whose value is no truth, number, string or null
// (a list, a resource, an uncertain age) is left out.
import cql from "cql-execution";
import fhir from "cql-exec-fhir";

import { compile } from "./compiler.mjs";
import { readInput, writeLine } from "./streams.mjs";

const SYSTEM_TYPES = "{urn:hl7-org:elm-types:r1}";

/** JSON has no dates: a parameter that the library declares as Date, DateTime or Quantity becomes one. */
function bind(elm, values) {
  const types = Object.fromEntries(
    (elm.library.parameters?.def ?? []).map((def) => [def.name, def.parameterTypeSpecifier?.name]),
  );
  const readers = {
    [`${SYSTEM_TYPES}Date`]: (text) => cql.Date.parse(text),
    [`${SYSTEM_TYPES}DateTime`]: (text) => cql.DateTime.parse(text),
    [`${SYSTEM_TYPES}Quantity`]: ({ value, unit }) => new cql.Quantity(value, unit),
  };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (!(name in types)) throw new Error(`the library declares no parameter ${name}`);
      return [name, value === null ? null : (readers[types[name]] ?? ((same) => same))(value)];
    }),
  );
}

const oneLine = (error) => error.message.replace(/\s+/g, " ").trim();

/** The names of all that these defines are made from, themselves included. */
function needed(elm, defines) {
  const bodies = new Map();
  for (const def of elm.library.statements.def) bodies.set(def.name, [...(bodies.get(def.name) ?? []), def]);
  const found = new Set();
  const visit = (node) => {
    if (node === null || typeof node !== "object") return;
    if ((node.type === "ExpressionRef" || node.type === "FunctionRef") && !node.libraryName) add(node.name);
    Object.values(node).forEach(visit);
  };
  const add = (name) => {
    if (found.has(name)) return;
    found.add(name);
    (bodies.get(name) ?? []).forEach(visit);
  };
  defines.forEach(add);
  return found;
}

/** All defines; where some are named, those, each define on the way to them evaluated once and kept in the context. */
async function evaluated(library, source, parameters, wanted) {
  const executor = new cql.Executor(library, new cql.CodeService({}), parameters);
  if (wanted === null) {
    const [results] = Object.values((await executor.exec(source)).patientResults);
    return results;
  }
  const patient = source.currentPatient();
  if (patient === undefined) return undefined;
  const context = new cql.PatientContext(library, patient, new cql.CodeService({}), parameters);
  for (const [name, expression] of Object.entries(library.expressions)) {
    if (wanted.all.has(name) && expression.context === "Patient") {
      context.set(name, (await expression.execute(context)) ?? null);
    }
  }
  return Object.fromEntries(wanted.defines.map((name) => [name, context.get(name)]));
}

// One for all patients: it reads the whole FHIR model when it is made.
const source = fhir.PatientSource.FHIRv401();

async function run(library, parameters, bundle, wanted) {
  source.reset();
  source.loadBundles([bundle]);
  const results = await evaluated(library, source, parameters, wanted);
  if (results === undefined) throw new Error("the Bundle has no Patient");
  const scalars = Object.entries(results).filter(([, value]) => value == null || typeof value !== "object");
  return Object.fromEntries(scalars.map(([name, value]) => [name, value ?? null]));
}

const input = JSON.parse(readInput());
const { elm, errors, included } = compile(input.cql);
if (errors.length > 0) throw new Error(`the library does not translate: ${errors.join("; ")}`);
const helpers = Object.fromEntries(included().map((each) => [each.library.identifier.id, each]));
const library = new cql.Library(elm, new cql.Repository(helpers));
const wanted = input.defines === null ? null : { defines: input.defines, all: needed(elm, input.defines) };
for (const { bundle, parameters } of input.patients) {
  // One unit that is no unit makes the engine throw; that is this patient's answer and nobody else's.
  const bound = bind(elm, parameters);
  const answer = await run(library, bound, bundle, wanted).then(
    (results) => ({ results }),
    (error) => ({ error: oneLine(error) }),
  );
  writeLine(answer);
}
