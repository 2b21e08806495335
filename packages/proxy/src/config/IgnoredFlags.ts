import { Effect, Option } from "effect"
import { flags } from "./Flags.ts"
import type { Settings } from "./Settings.ts"

/**
 * Logs a warning if --rpp-get-binary-listen-address is set to an address. The program accepts this flag for
 * compatibility, but ignores it.
 */
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
