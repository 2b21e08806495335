import { Option, Record, Result } from "effect"
import type * as Flag from "./Flag.ts"
import { flags } from "./Flags.ts"

/** The program's settings. Each property is the decoded value of a flag. */
export type Settings = { readonly [Name in keyof typeof flags]: Flag.Value<(typeof flags)[Name]> }

/**
 * Decodes all settings. `textsOf` returns the texts that were given for a flag. If a flag does not accept a text, fails
 * with the result of `onRejected`.
 */
export const decode = <E>(
  textsOf: (flag: Flag.Flag<unknown>) => ReadonlyArray<string>,
  onRejected: (flag: Flag.Flag<unknown>, rejected: Flag.RejectedText) => E
): Result.Result<Settings, E> => {
  const byName: Readonly<Record<string, Flag.Flag<unknown>>> = flags
  const values = Result.all(
    Record.map(byName, (flag) =>
      Result.mapError(flag.decode(textsOf(flag)), (rejected) => onRejected(flag, rejected))
    )
  )
  // Each value has the type of the flag of the same name. Record.map loses this type.
  return Result.map(values, (values) => values as unknown as Settings)
}

/** The settings if no flag and no environment variable is set. */
export const defaults: Settings = Result.getOrThrow(
  decode(
    () => [],
    (flag, { reason }) => new Error(`The default of --${flag.name} ${reason}`)
  )
)

/**
 * True if both listeners have the same host and port. Addresses with port 0 are never the same, since the operating
 * system chooses a different port for each.
 */
const isSame = (one: Settings["listenAddress"], other: Settings["listenAddress"]): boolean =>
  Option.exists(Option.all([one, other]), ([one, other]) => one.port !== 0 && String(one) === String(other))

/** Returns a one-line error if the settings contradict each other. Returns none if they are consistent. */
export const contradiction = (settings: Settings): Option.Option<string> => {
  const { listenAddress, secureListenAddress, tlsCertFile, tlsPrivateKeyFile } = flags
  if (Option.isNone(settings.listenAddress) && Option.isNone(settings.secureListenAddress)) {
    return Option.some(
      `--${listenAddress.name}: "off" leaves nothing to listen on; give an address here or to --${secureListenAddress.name}`
    )
  }
  if (isSame(settings.listenAddress, settings.secureListenAddress)) {
    return Option.some(
      `--${secureListenAddress.name}: the same address as --${listenAddress.name}; give one of them another port`
    )
  }
  if (Option.isSome(settings.tlsCertFile) !== Option.isSome(settings.tlsPrivateKeyFile)) {
    const isCertificate = Option.isSome(settings.tlsCertFile)
    const [given, missing] = isCertificate
      ? [tlsCertFile, tlsPrivateKeyFile]
      : [tlsPrivateKeyFile, tlsCertFile]
    return Option.some(`--${given.name}: given without --${missing.name}; accepted: both or neither`)
  }
  return Option.none()
}
