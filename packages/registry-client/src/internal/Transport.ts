import { Predicate } from "effect"
import type { HttpClientError } from "effect/http"
import { ConnectionFailed, type OtherServer, TimedOut } from "../RegistryError.ts"
import { byOf, final, invalid, passing, type PullFailure } from "./PullFailure.ts"

/** The code of an error whose connection was not made in time. */
export const connectTimeoutCode = "ERR_CONNECT_TIMEOUT"

const untrusted = "its certificate is signed by an authority that is not trusted here"

const certificateProblems: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  CERT_REVOKED: "its certificate was revoked",
  CERT_REJECTED: "its certificate was rejected",
  CERT_UNTRUSTED: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed and not trusted here",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  HOSTNAME_MISMATCH: "its certificate is for another name",
  INVALID_CA: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted
}

const networkProblems: Readonly<Record<string, readonly [ConnectionFailed["kind"], string]>> = {
  EAI_AGAIN: ["dns", "its name could not be looked up: the name server does not answer"],
  ECONNABORTED: ["reset", "the connection was aborted"],
  ECONNREFUSED: ["refused", "the connection was refused: nothing listens there"],
  ECONNRESET: ["reset", "the connection was closed by the other side"],
  EHOSTUNREACH: ["other", "there is no route to the host"],
  ENETUNREACH: ["other", "there is no route to its network"],
  ENOTFOUND: ["dns", "its name does not exist in DNS"],
  EPIPE: ["reset", "the connection was closed by the other side"],
  ERR_PROXY_TUNNEL: ["other", "the HTTP proxy did not open a tunnel to it"],
  ERR_STREAM_PREMATURE_CLOSE: ["reset", "the connection was closed by the other side"]
}

const codeOf = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code)
    ? cause.code
    : Predicate.hasProperty(cause, "cause")
      ? codeOf(cause.cause)
      : ""

/**
 * The failure of a connection to `host`. Only the error's code is read: messages may hold addresses with credentials.
 */
export const fromCause = (cause: unknown, host: string, server: OtherServer | undefined): PullFailure => {
  const failed = (kind: ConnectionFailed["kind"], detail: string): ConnectionFailed =>
    new ConnectionFailed({ kind, detail: `${host}: ${detail}`, ...byOf(server) })
  const code = codeOf(cause)
  if (code === connectTimeoutCode || code === "ETIMEDOUT")
    return passing(new TimedOut({ phase: "connect", ...byOf(server) }))
  const certificate = Object.hasOwn(certificateProblems, code) ? certificateProblems[code] : undefined
  if (certificate !== undefined) return final(failed("certificate", certificate))
  const network = Object.hasOwn(networkProblems, code) ? networkProblems[code] : undefined
  if (network !== undefined) return passing(failed(network[0], network[1]))
  if (code.startsWith("HPE_")) return invalid(`${host}: the answer is not valid HTTP`, server)
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return final(
      failed("other", "no TLS connection could be agreed on; it may speak plain HTTP on this port")
    )
  }
  return passing(failed("other", "the connection failed"))
}

/** The failure that a client's error means. */
export const fromClientError = (
  error: HttpClientError.HttpClientError,
  host: string,
  server: OtherServer | undefined
): PullFailure =>
  error.reason._tag === "InvalidUrlError"
    ? invalid(`${host}: the address is not a URL`, server)
    : fromCause("cause" in error.reason ? error.reason.cause : undefined, host, server)
