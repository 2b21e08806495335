import { Effect, Option } from "effect"
import { flags } from "./Flags.ts"
import type { Settings } from "./Settings.ts"

/** Warns if a flag is given that this program accepts for compatibility but ignores. */
export const warn = ({ rppGetBinaryListenAddress }: Settings): Effect.Effect<void> =>
  Option.match(rppGetBinaryListenAddress, {
    onNone: () => Effect.void,
    onSome: (address) =>
      Effect.logWarning("ignoring flag: the binary rpp-get is not served").pipe(
        Effect.annotateLogs({
          flag: `--${flags.rppGetBinaryListenAddress.name}`,
          address: String(address)
        })
      )
  })
