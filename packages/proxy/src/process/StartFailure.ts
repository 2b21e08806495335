import { type Cause, Option, Schema } from "effect"
import { ServeError } from "effect/http/HttpServerError"
import * as CauseText from "../text/CauseText.ts"
import { flags } from "../config/Flags.ts"
import type { Settings } from "../config/Settings.ts"

// What Node says of a listener that could not be opened.
const ListenError = Schema.Struct({
  syscall: Schema.Literals(["listen", "bind", "getaddrinfo"]),
  code: Schema.String,
  address: Schema.optionalKey(Schema.String),
  hostname: Schema.optionalKey(Schema.String),
  port: Schema.optionalKey(Schema.Int)
})
type ListenError = typeof ListenError.Type
const decodeListenError = Schema.decodeUnknownOption(ListenError)

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there already; stop it or choose another address",
  EADDRNOTAVAIL: "this machine does not have that address",
  EACCES: "this user may not open that port",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the host name cannot be looked up now"
}

/** The secure listener's failure: without it a listener that could not be opened is taken for the plain one. */
class SecureListenerFailed extends Schema.TaggedError<SecureListenerFailed>()("SecureListenerFailed", {
  cause: Schema.Defect()
}) {}

interface Found {
  readonly error: ListenError
  readonly flag: string
}

const findListenError = (
  error: unknown,
  depth = 5,
  flag: string = flags.listenAddress.name
): Option.Option<Found> => {
  if (!(error instanceof Error) || depth === 0) return Option.none()
  const asked = error instanceof SecureListenerFailed ? flags.secureListenAddress.name : flag
  return Option.orElse(
    Option.map(decodeListenError(error), (error) => ({ error, flag: asked })),
    () => findListenError(error.cause, depth - 1, asked)
  )
}

/** The failure of one of two listeners, told apart by the address it was for, so that `explain` names its flag. */
export const ofListeners = (
  failure: ServeError,
  { listenAddress, secureListenAddress }: Pick<Settings, "listenAddress" | "secureListenAddress">
): ServeError => {
  const found = findListenError(failure)
  const isFor = (address: Settings["listenAddress"]): boolean =>
    Option.isSome(found) &&
    Option.isSome(address) &&
    // A name that was not found has no port; one that was found is an address by now, and the port has to do.
    (found.value.error.port === undefined
      ? found.value.error.hostname === Option.getOrUndefined(address.value.host)
      : found.value.error.port === address.value.port)
  const isForHost = (address: Settings["listenAddress"]): boolean =>
    Option.isSome(found) &&
    Option.isSome(address) &&
    found.value.error.address === Option.getOrUndefined(address.value.host)
  const isSecure = isFor(secureListenAddress) && (!isFor(listenAddress) || !isForHost(listenAddress))
  return isSecure ? new ServeError({ cause: new SecureListenerFailed({ cause: failure.cause }) }) : failure
}

const where = ({ address, hostname, port }: ListenError): string => {
  const host = address ?? hostname ?? ""
  return `${host.includes(":") ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}`
}

/** One line on why the program could not start or go on. */
export const explain = (cause: Cause.Cause<unknown>): string => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Interrupt") continue
    const found = findListenError(reason._tag === "Fail" ? reason.error : reason.defect)
    if (Option.isSome(found)) {
      const { error, flag } = found.value
      return `--${flag}: cannot listen on ${where(error)}: ${reasons[error.code] ?? error.code}`
    }
  }
  return CauseText.oneLine(cause)
}
