import { Effect, Option } from "effect"
import { flags } from "./Flags.ts"
import type { Settings } from "./Settings.ts"

/** Warns of what the flags of the replaced service ask for and this program does not serve. */
export const warn = ({ rppGetBinaryListenAddress }: Settings): Effect.Effect<void> =>
  Option.match(rppGetBinaryListenAddress, {
    onNone: () => Effect.void,
    onSome: (address) =>
      Effect.logWarning("the binary rpp-get is not served").pipe(
        Effect.annotateLogs({
          flag: `--${flags.rppGetBinaryListenAddress.name}`,
          address: String(address)
        })
      )
  })
