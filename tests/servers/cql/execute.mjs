// {"cql", "patients": [Bundle], "parameters"} in; per Bundle, in order, {"results": {define: value}} or {"error"} out.
// A define whose value is no truth, number, string or null (a list, a resource, an uncertain age) is left out.
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

async function run(library, parameters, bundle) {
  const source = fhir.PatientSource.FHIRv401();
  source.loadBundles([bundle]);
  const codes = new cql.CodeService({});
  const all = await new cql.Executor(library, codes, parameters).exec(source);
  const [results] = Object.values(all.patientResults);
  if (results === undefined) throw new Error("the Bundle has no Patient");
  const scalars = Object.entries(results).filter(([, value]) => value == null || typeof value !== "object");
  return Object.fromEntries(scalars.map(([name, value]) => [name, value ?? null]));
}

const input = JSON.parse(readInput());
const { elm, errors, included } = compile(input.cql);
if (errors.length > 0) throw new Error(`the library does not translate: ${errors.join("; ")}`);
const helpers = Object.fromEntries(included().map((each) => [each.library.identifier.id, each]));
const library = new cql.Library(elm, new cql.Repository(helpers));
const parameters = bind(elm, input.parameters ?? {});
for (const bundle of input.patients) {
  // One unit that is no unit makes the engine throw; that is this patient's answer and nobody else's.
  writeLine(await run(library, parameters, bundle).then((results) => ({ results }), (error) => ({ error: oneLine(error) })));
}
