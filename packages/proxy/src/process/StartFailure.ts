import { type Cause, Option, Schema } from "effect"
import { ServeError } from "effect/http/HttpServerError"
import * as CauseText from "../text/CauseText.ts"
import { flags } from "../config/Flags.ts"
import type { Settings } from "../config/Settings.ts"

// Node's error if a listener could not be opened.
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
  EADDRINUSE: "the address is in use; stop the other program or choose another address",
  EADDRNOTAVAIL: "this machine does not have that address",
  EACCES: "this user may not open that port",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name cannot be resolved now"
}

/** Marks a failure of the secure listener. A failure without this mark belongs to the plain listener. */
class SecureListenerFailed extends Schema.TaggedError<SecureListenerFailed>()("SecureListenerFailed", {
  cause: Schema.Defect()
}) {
  override get message(): string {
    return "the secure port cannot be opened"
  }
}

interface FailedListener {
  readonly error: ListenError
  readonly flag: string
}

const findListenError = (
  error: unknown,
  depth = 5,
  flag: string = flags.listenAddress.name
): Option.Option<FailedListener> => {
  if (!(error instanceof Error) || depth === 0) return Option.none()
  const currentFlag = error instanceof SecureListenerFailed ? flags.secureListenAddress.name : flag
  return Option.orElse(
    Option.map(decodeListenError(error), (error) => ({ error, flag: currentFlag })),
    () => findListenError(error.cause, depth - 1, currentFlag)
  )
}

/**
 * Marks a failure to listen on the secure listener's address, so that `explain` names the flag of that address. Returns
 * any other failure unchanged.
 */
export const markSecureListener = (
  failure: ServeError,
  { listenAddress, secureListenAddress }: Pick<Settings, "listenAddress" | "secureListenAddress">
): ServeError => {
  const found = findListenError(failure)
  const isFor = (address: Settings["listenAddress"]): boolean =>
    Option.isSome(found) &&
    Option.isSome(address) &&
    // The error of an unresolved host name has no port. The error of a resolved host name has an IP address instead of
    // the name, so only the port can be compared.
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

const listenAddressOf = ({ address, hostname, port }: ListenError): string => {
  const host = address ?? hostname ?? ""
  return `${host.includes(":") ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}`
}

/** Describes in one line why the program could not start or had to end. */
export const explain = (cause: Cause.Cause<unknown>): string => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Interrupt") continue
    const found = findListenError(reason._tag === "Fail" ? reason.error : reason.defect)
    if (Option.isSome(found)) {
      const { error, flag } = found.value
      return `--${flag}: cannot listen on ${listenAddressOf(error)}: ${reasons[error.code] ?? error.code}`
    }
  }
  return CauseText.describeCause(cause)
}
