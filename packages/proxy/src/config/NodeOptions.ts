import { Effect, Layer } from "effect"
import { ProcessEnvironment } from "./ProcessEnvironment.ts"

/**
 * Returns the names of the flags in a list of arguments. Replaces each `_` in a name by `-`, since Node treats `_` and
 * `-` alike.
 */
const namesIn = (flags: ReadonlyArray<string>): ReadonlyArray<string> =>
  flags.flatMap((flag) => {
    const [name = ""] = flag.split("=", 1)
    return name.startsWith("--") ? [name.replaceAll("_", "-")] : []
  })

/**
 * Returns the names of the flags in NODE_OPTIONS that have no effect because `execArgv` has flags with the same names.
 */
export const ineffectiveFlags = (
  nodeOptions: string | undefined,
  execArgv: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const own = new Set(namesIn(execArgv))
  return [...new Set(namesIn(nodeOptions?.split(/\s+/) ?? []))].filter((name) => own.has(name))
}

/** Logs a warning if NODE_OPTIONS has flags that the executable's own flags override. */
export const warn = (
  nodeOptions: string | undefined,
  execArgv: ReadonlyArray<string>
): Effect.Effect<void> => {
  const flags = ineffectiveFlags(nodeOptions, execArgv)
  return flags.length === 0
    ? Effect.void
    : Effect.logWarning("flags in NODE_OPTIONS have no effect: the program's own override them", {
        flags: flags.join(" "),
        remedy: "--max-old-space-size-percentage sets the heap limit"
      })
}

/** Calls `warn` with this process's NODE_OPTIONS and `execArgv`, when the layer is built. */
export const layer: Layer.Layer<never> = Layer.effectDiscard(
  Effect.flatMap(ProcessEnvironment, ({ env }) => warn(env["NODE_OPTIONS"], process.execArgv))
)
