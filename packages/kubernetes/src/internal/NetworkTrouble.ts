import { type KubernetesError, unreachable } from "../KubernetesError.ts"
import { connectTimeoutCode } from "./NodeConnections.ts"

const untrusted = "its certificate is signed by an authority that is not trusted here"

const troubles: Readonly<Record<string, string>> = {
  [connectTimeoutCode]: "the connection was not made in time",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  EAI_AGAIN: "the name server does not answer",
  ECONNREFUSED: "the connection was refused: nothing listens there",
  ECONNRESET: "the connection was closed by the other side",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no route to its network",
  ENOTFOUND: "its name does not exist in DNS",
  EPIPE: "the connection was closed by the other side",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_PROXY_TUNNEL: "the proxy did not open a tunnel to it",
  ETIMEDOUT: "the connection went silent",
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted
}

const codeOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return ""
  if ("code" in cause && typeof cause.code === "string") return cause.code
  return codeOf(cause.cause)
}

/** What a failed connection means; only the error's code is read. */
export const explain = (host: string, cause: unknown): KubernetesError => {
  const code = codeOf(cause)
  const known = Object.hasOwn(troubles, code) ? troubles[code] : undefined
  const other = /^[A-Z_]{1,60}$/.test(code) ? `the connection failed (${code})` : "the connection failed"
  return unreachable(`the API server at ${host} cannot be reached: ${known ?? other}`)
}
