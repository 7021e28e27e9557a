// NDJSON {"name", "cql"} in, NDJSON {"name", "errors", "warnings"} out, in the same order.
import { compile } from "./compiler.mjs";
import { readInput, writeLine } from "./streams.mjs";

for (const line of readInput().split("\n").filter((text) => text.trim() !== "")) {
  const { name, cql } = JSON.parse(line);
  const { errors, warnings } = compile(cql);
  writeLine({ name, errors, warnings });
}
