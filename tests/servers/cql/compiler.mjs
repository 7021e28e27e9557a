// CQL text → ELM by the reference translator, with the FHIR 4.0.1 model, UCUM units and this folder's FHIRHelpers.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// What the translator logs goes to standard error; answers are written to standard output by number.
Object.defineProperty(process, "stdout", { value: process.stderr });
// The translator's file layer asks for a global require while it loads, so it is imported after this line.
globalThis.require = createRequire(import.meta.url);
const translator = await import("@cqframework/cql/cql-to-elm");
const { SystemModelInfoProvider } = await import("@cqframework/cql/cql");
const ucum = require("@lhncbc/ucum-lhc").UcumLhcUtils.getInstance();

const MODEL = readFileSync(require.resolve("cql-exec-fhir/lib/modelInfos/fhir-modelinfo-4.0.1.xml"), "utf8");
const CODE_LISTS = [...MODEL.matchAll(/functionName="FHIRHelpers\.ToString" fromType="FHIR\.(\w+)"/g)];
const FHIR_HELPERS = [
  readFileSync(new URL("FHIRHelpers.cql", import.meta.url), "utf8"),
  ...CODE_LISTS.map(([, type]) => `define function ToString(value FHIR."${type}"): value.value`),
].join("\n");

function validateUnit(unit) {
  const result = ucum.validateUnitString(unit);
  return result.status === "valid" ? null : result.msg.join("; ") || `${unit} is not a UCUM unit`;
}

function notWhileTranslating() {
  throw new Error("the translator checks units, it does not calculate");
}

const models = new translator.ModelManager();
models.modelInfoLoader.registerModelInfoProvider(new SystemModelInfoProvider());
models.modelInfoLoader.registerModelInfoProvider(
  translator.createModelInfoProvider((name, _system, _version) =>
    name === "FHIR" ? translator.stringAsSource(MODEL) : null,
  ),
);
const libraries = new translator.LibraryManager(
  models,
  translator.CqlCompilerOptions.defaultOptions(),
  undefined,
  translator.createUcumService(notWhileTranslating, validateUnit, notWhileTranslating, notWhileTranslating),
);
libraries.librarySourceLoader.registerProvider(
  translator.createLibrarySourceProvider((name, _system, _version) =>
    name === "FHIRHelpers" ? translator.stringAsSource(FHIR_HELPERS) : null,
  ),
);

/** One library's errors and warnings ("line:column message"), its ELM and that of the libraries it includes. */
export function compile(cql) {
  const translation = translator.CqlTranslator.fromText(cql, libraries);
  const elm = JSON.parse(translation.toJson());
  const said = (elm.library.annotation ?? []).filter((note) => note.type === "CqlToElmError");
  const texts = (severity) =>
    said
      .filter((note) => note.errorSeverity === severity)
      .map((note) => `${note.startLine ?? "?"}:${note.startChar ?? "?"} ${note.message}`);
  return {
    errors: texts("error"),
    warnings: texts("warning"),
    elm,
    included: () =>
      [...translation.libraries.asJsReadonlyMapView().values()].map((library) =>
        JSON.parse(translator.CqlTranslator.convertToJson(library)),
      ),
  };
}
