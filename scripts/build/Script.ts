/** A module that esbuild wrote, with its source map. */
export interface Module {
  readonly text: string
  readonly sourceMap: string
}

/** Where the program ends. What follows is an asset of the executable, which compiles it only where telemetry is on. */
const cut = "// ---- Telemetry: from here on evaluated only where it is on ----\n"
/** A function of what the modules in it import. Its name is known to TelemetryPart.ts. */
const [opened, closed] = ["function telemetryPart(require, program) {\n", "}\n"] as const

const countLines = (text: string): number => text.split("\n").length - 1

/** An import or export as esbuild prints it, at the beginning of a line; long lists of names have a line each. */
const statement = /^(?:import ([^"]*?)(?: from )?"([^"]+)"|export (\{[^}]*\}));$/gm

/** The bindings `{ a, b as c }` of an import as an object pattern. */
const pattern = (bindings: string): string => bindings.replaceAll(/([\w$]+) as ([\w$]+)/g, "$1: $2")

/** The same of an export as an object literal. */
const literal = (bindings: string): string => bindings.replaceAll(/([\w$]+) as ([\w$]+)/g, "$2: $1")

const variables = (clause: string, source: string): string => {
  // A module of Node's is its own default export.
  const [, own, rest] = /^([\w$]+)?(?:, )?([^]*)$/.exec(clause) ?? []
  const bindings = [own ?? "", pattern((rest ?? "").replace("* as ", ""))].filter((binding) => binding !== "")
  return bindings.length === 0
    ? `${source};`
    : `var ${bindings.map((binding) => `${binding} = ${source}`).join(", ")};`
}

/** A module without imports and exports: `exported` makes a statement of what it exports. */
const plain = (text: string, exported: (object: string) => string): string =>
  text.replaceAll(
    statement,
    (all: string, clause: string | undefined, source: string | undefined, names: string | undefined) => {
      const made =
        names === undefined
          ? variables(clause ?? "", source?.startsWith(".") === true ? "program" : `require("${source}")`)
          : exported(literal(names))
      // The source map counts lines.
      if (countLines(made) !== countLines(all)) throw new Error(`not one script can be made of: ${all}`)
      return made
    }
  )

/**
 * One script of the program and of its telemetry part, which imports from it. What the program has of the part is a
 * function: the last statement in the script, or what the executable compiles.
 */
export const join = (guard: string, program: Module, telemetry: Module): Module => {
  const first = `${guard}${plain(program.text, (object) => `function programExports() { return ${object}; }`)}`
  const line = countLines(first) + countLines(cut)
  const known = first.replaceAll("telemetryPartLine", String(line)).replaceAll("programRequire", "require")
  const part = `${opened}${plain(telemetry.text, (object) => `return ${object};`)}${closed}`
  const section = (line: number, { sourceMap }: Module) => ({
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

/** The two parts of such a script: the program, and the expression of the function that the telemetry part is. */
export const split = (script: string): { readonly program: string; readonly telemetry: string } => {
  const [program = "", part] = script.split(cut)
  if (part === undefined) throw new Error("the script has no telemetry part")
  return { program, telemetry: `(${part.trimEnd().replace(/\n\/\/# sourceMappingURL=.*$/, "")})` }
}
