import { type Cause, Option, Schema } from "effect"
import * as CauseText from "./CauseText.ts"
import { flags } from "./Flags.ts"

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

const findListenError = (error: unknown, depth: number): Option.Option<ListenError> => {
  if (!(error instanceof Error) || depth === 0) return Option.none()
  return Option.orElse(decodeListenError(error), () => findListenError(error.cause, depth - 1))
}

const where = ({ address, hostname, port }: ListenError): string => {
  const host = address ?? hostname ?? ""
  return `${host.includes(":") ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}`
}

/** One line on why the program could not start or go on. */
export const explain = (cause: Cause.Cause<unknown>): string => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Interrupt") continue
    const found = findListenError(reason._tag === "Fail" ? reason.error : reason.defect, 5)
    if (Option.isSome(found)) {
      const { code } = found.value
      return `--${flags.listenAddress.name}: cannot listen on ${where(found.value)}: ${reasons[code] ?? code}`
    }
  }
  return CauseText.oneLine(cause)
}
