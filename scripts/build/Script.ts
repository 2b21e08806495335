/** A module that esbuild wrote, with its source map. */
export interface BuiltModule {
  readonly text: string
  readonly sourceMap: string
}

/**
 * The line between the program and the telemetry part of the script. In the executable, the telemetry part is an asset,
 * which is compiled only if telemetry is on.
 */
const cut = "// ---- Telemetry: from here on evaluated only where it is on ----\n"
/**
 * The lines before and after the telemetry part. With these lines, the telemetry part is a function. TelemetryPart.ts
 * uses the function's name.
 */
const [opened, closed] = ["function telemetryPart(require, program) {\n", "}\n"] as const

const countLines = (text: string): number => text.split("\n").length - 1

/**
 * Matches an import or export at the beginning of a line, in the format of esbuild. The statement may have several
 * lines.
 */
const statement = /^(?:import ([^"]*?)(?: from )?"([^"]+)"|export (\{[^}]*\}));$/gm

/** Rewrites the bindings of an import, `{ a, b as c }`, as an object pattern, `{ a, b: c }`. */
const pattern = (bindings: string): string => bindings.replaceAll(/([\w$]+) as ([\w$]+)/g, "$1: $2")

/** Rewrites the bindings of an export, `{ a, b as c }`, as an object literal, `{ a, c: b }`. */
const literal = (bindings: string): string => bindings.replaceAll(/([\w$]+) as ([\w$]+)/g, "$2: $1")

const variables = (clause: string, source: string): string => {
  // The default export of a module of Node is the module itself.
  const [, own, rest] = /^([\w$]+)?(?:, )?([^]*)$/.exec(clause) ?? []
  const bindings = [own ?? "", pattern((rest ?? "").replace("* as ", ""))].filter((binding) => binding !== "")
  return bindings.length === 0
    ? `${source};`
    : `var ${bindings.map((binding) => `${binding} = ${source}`).join(", ")};`
}

/**
 * Replaces the import and export statements of a module. `exported` receives the bindings of an export statement as an
 * object literal, and returns the new statement.
 */
const plain = (text: string, exported: (object: string) => string): string =>
  text.replaceAll(
    statement,
    (all: string, clause: string | undefined, source: string | undefined, names: string | undefined) => {
      const made =
        names === undefined
          ? variables(clause ?? "", source?.startsWith(".") === true ? "program" : `require("${source}")`)
          : exported(literal(names))
      // The source map refers to line numbers, so a replacement keeps the number of lines.
      if (countLines(made) !== countLines(all)) throw new Error(`not one script can be made of: ${all}`)
      return made
    }
  )

/**
 * Joins the program and its telemetry part into one script. The telemetry part becomes a function, which is the last
 * statement of the script. The function receives the program's exports as a parameter, because the telemetry part
 * imports from the program.
 */
export const joinParts = (guard: string, program: BuiltModule, telemetry: BuiltModule): BuiltModule => {
  const first = `${guard}${plain(program.text, (object) => `function programExports() { return ${object}; }`)}`
  const line = countLines(first) + countLines(cut)
  const known = first.replaceAll("telemetryPartLine", String(line)).replaceAll("programRequire", "require")
  const part = `${opened}${plain(telemetry.text, (object) => `return ${object};`)}${closed}`
  const section = (line: number, { sourceMap }: BuiltModule) => ({
    offset: { line, column: 0 },
    map: JSON.parse(sourceMap) as object
  })
  return {
    text: `${known}${cut}${part}`,
    sourceMap: JSON.stringify({
      version: 3,
      file: "main.js",
      sections: [section(countLines(guard), program), section(line + countLines(opened), telemetry)]
    })
  }
}

/**
 * Splits a script that `joinParts` returned. `program` is the text of the program. `telemetry` is the text of an
 * expression, whose value is the function that contains the telemetry part. Throws if the script has no telemetry part.
 */
export const splitParts = (script: string): { readonly program: string; readonly telemetry: string } => {
  const [program = "", part] = script.split(cut)
  if (part === undefined) throw new Error("the script has no telemetry part")
  return { program, telemetry: `(${part.trimEnd().replace(/\n\/\/# sourceMappingURL=.*$/, "")})` }
}
