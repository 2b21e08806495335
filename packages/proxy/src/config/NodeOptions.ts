import { Effect, Layer } from "effect"
import { Environment } from "./Environment.ts"

/** The names of the flags in a text of them, as Node compares them. */
const namesIn = (flags: ReadonlyArray<string>): ReadonlyArray<string> =>
  flags.flatMap((flag) => {
    const [name = ""] = flag.split("=", 1)
    return name.startsWith("--") ? [name.replaceAll("_", "-")] : []
  })

/** The flags of NODE_OPTIONS that have no effect, since this process was started with the same ones: those win. */
export const ineffective = (
  nodeOptions: string | undefined,
  execArgv: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const own = new Set(namesIn(execArgv))
  return [...new Set(namesIn(nodeOptions?.split(/\s+/) ?? []))].filter((name) => own.has(name))
}

/** Warns once of flags in NODE_OPTIONS that have no effect; the executable has flags of its own. */
export const report = (
  nodeOptions: string | undefined,
  execArgv: ReadonlyArray<string>
): Effect.Effect<void> => {
  const flags = ineffective(nodeOptions, execArgv)
  return flags.length === 0
    ? Effect.void
    : Effect.logWarning("flags in NODE_OPTIONS have no effect, the program has its own", {
        flags: flags.join(" "),
        remedy: "--max-old-space-size-percentage sets the heap limit"
      })
}

/** Reports on this process at the start. */
export const layer: Layer.Layer<never> = Layer.effectDiscard(
  Effect.flatMap(Environment, ({ variables }) => report(variables["NODE_OPTIONS"], process.execArgv))
)
