import { Option, Record, Result } from "effect"
import type * as Flag from "./Flag.ts"
import { flags } from "./Flags.ts"

/** What the program is composed from: every flag's value, decoded. */
export type Settings = { readonly [Name in keyof typeof flags]: Flag.Value<(typeof flags)[Name]> }

/** The settings that the texts given for each flag ask for; the first text refused decides. */
export const decode = <E>(
  textsOf: (flag: Flag.Flag<unknown>) => ReadonlyArray<string>,
  refused: (flag: Flag.Flag<unknown>, rejected: Flag.Rejected) => E
): Result.Result<Settings, E> => {
  const byName: Readonly<Record<string, Flag.Flag<unknown>>> = flags
  const values = Result.all(
    Record.map(byName, (flag) =>
      Result.mapError(flag.decode(textsOf(flag)), (rejected) => refused(flag, rejected))
    )
  )
  // Each value is what the flag of the same name decodes to, which a record of mixed types cannot say.
  return Result.map(values, (values) => values as unknown as Settings)
}

/** Every flag's default. */
export const defaults: Settings = Result.getOrThrow(
  decode(
    () => [],
    (flag, { reason }) => new Error(`The default of --${flag.name} ${reason}`)
  )
)

/** Whether both ask for one port of one address; 0 is a free one for each. */
const isSame = (one: Settings["listenAddress"], other: Settings["listenAddress"]): boolean =>
  Option.exists(Option.all([one, other]), ([one, other]) => one.port !== 0 && String(one) === String(other))

/** Why a program with these settings could do nothing, in one line; each value alone may be right. */
export const contradiction = (settings: Settings): Option.Option<string> => {
  const { listenAddress, secureListenAddress, tlsCertFile, tlsPrivateKeyFile } = flags
  if (Option.isNone(settings.listenAddress) && Option.isNone(settings.secureListenAddress)) {
    return Option.some(
      `--${listenAddress.name}: "off" leaves nothing to listen on; give an address here or to --${secureListenAddress.name}`
    )
  }
  if (isSame(settings.listenAddress, settings.secureListenAddress)) {
    return Option.some(
      `--${secureListenAddress.name}: the port that --${listenAddress.name} has; give one of them another`
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
