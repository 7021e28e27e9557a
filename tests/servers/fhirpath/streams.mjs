// Standard input whole, standard output one JSON value a line, written before the process ends.
import { readFileSync, writeSync } from "node:fs";

export const readInput = () => readFileSync(0, "utf8");

export function writeLine(value) {
  let rest = Buffer.from(`${JSON.stringify(value)}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
}
