import { Data, Predicate } from "effect"

/** What went wrong. `http`: the answer is not valid HTTP; `proxy`: a proxy refuses to be one. */
export type ConnectionFailureKind =
  | "refused"
  | "reset"
  | "dns"
  | "certificate"
  | "tls"
  | "timeout"
  | "http"
  | "proxy"
  | "other"

/**
 * A connection that could not be made, or that broke. Made from error codes alone: the messages of Node's errors may hold
 * addresses with credentials.
 */
export class ConnectionFailure extends Data.TaggedError("ConnectionFailure")<{
  readonly kind: ConnectionFailureKind
  /** Part of a sentence that does not name the server: `its certificate has expired`. Holds no secret. */
  readonly detail: string
  /** Another try may help. */
  readonly isPassing: boolean
  /** What names the proxy that is to blame, and not the server: `HTTPS_PROXY`, `proxy-url`. */
  readonly proxy?: string | undefined
}> {}

type Row = readonly [kind: ConnectionFailureKind, detail: string, isPassing: boolean]

const untrusted: Row = [
  "certificate",
  "its certificate is signed by an authority that is not trusted here",
  false
]
const otherName: Row = ["certificate", "its certificate is for another name", false]
const closed: Row = ["reset", "the connection was closed by the other side", true]
const plain: Row = [
  "tls",
  "no TLS connection could be agreed on: it speaks plain HTTP, or another protocol, on this port",
  false
]
const noCommonTls: Row = [
  "tls",
  "no TLS connection could be agreed on: it has no version from 1.2 on, or no cipher, in common with this program",
  false
]
const clientCertificate: Row = ["tls", "it wants a client certificate, and there is none to give", false]
const shortKey: Row = ["tls", "the key of its certificate or of its key exchange is too short", false]

/** The code of the failure of a connection that was not made in time. */
export const connectTimeoutCode = "ERR_CONNECT_TIMEOUT"

const rows: Readonly<Record<string, Row>> = {
  CERT_CHAIN_TOO_LONG: ["certificate", "the chain of its certificate is too long", false],
  CERT_HAS_EXPIRED: ["certificate", "its certificate has expired", false],
  CERT_NOT_YET_VALID: ["certificate", "its certificate is not valid yet", false],
  CERT_REJECTED: ["certificate", "its certificate was rejected", false],
  CERT_REVOKED: ["certificate", "its certificate was revoked", false],
  CERT_SIGNATURE_FAILURE: ["certificate", "the signature of its certificate is wrong", false],
  CERT_UNTRUSTED: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: ["certificate", "its certificate is self-signed and not trusted here", false],
  EAI_AGAIN: ["dns", "its name could not be looked up: the name server does not answer", true],
  EAI_FAIL: ["dns", "its name could not be looked up: the name server fails", true],
  ECONNABORTED: ["reset", "the connection was aborted", true],
  ECONNREFUSED: ["refused", "the connection was refused: nothing listens there", true],
  ECONNRESET: closed,
  EHOSTUNREACH: ["other", "there is no route to it", true],
  ENETUNREACH: ["other", "there is no route to its network", true],
  ENOTFOUND: ["dns", "its name does not exist in DNS", true],
  EPIPE: closed,
  // Of Node's own HTTP client, which a program may be composed with.
  ERR_PROXY_TUNNEL: ["other", "the HTTP proxy did not open a tunnel to it", true],
  ERR_STREAM_DESTROYED: closed,
  ERR_STREAM_PREMATURE_CLOSE: closed,
  ERR_STREAM_WRITE_AFTER_END: closed,
  ERR_SSL_CA_KEY_TOO_SMALL: shortKey,
  ERR_SSL_DH_KEY_TOO_SMALL: shortKey,
  ERR_SSL_EE_KEY_TOO_SMALL: shortKey,
  ERR_SSL_HTTP_REQUEST: plain,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: noCommonTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: plain,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: noCommonTls,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: clientCertificate,
  ERR_SSL_TLSV1_ALERT_INSUFFICIENT_SECURITY: noCommonTls,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: noCommonTls,
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: ["tls", "it serves no certificate for this name", false],
  ERR_SSL_UNSUPPORTED_PROTOCOL: noCommonTls,
  ERR_SSL_WRONG_VERSION_NUMBER: plain,
  ERR_TLS_CERT_ALTNAME_INVALID: otherName,
  [connectTimeoutCode]: ["timeout", "the connection was not made in time", true],
  // The kernel's: a connection attempt or an established connection got no sign of life.
  ETIMEDOUT: ["timeout", "it gave no sign of life", true],
  HOSTNAME_MISMATCH: otherName,
  INVALID_CA: untrusted,
  INVALID_PURPOSE: ["certificate", "its certificate is not meant for servers", false],
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  // Node has no name for it: a key or a signature below what OpenSSL takes.
  UNSPECIFIED: ["certificate", "its certificate has a key or a signature that is too weak", false]
}

/** An error, and what it was caused by, as far as it matters. */
const chainOf = (cause: unknown): ReadonlyArray<unknown> => {
  const chain: Array<unknown> = []
  for (let each = cause; each !== undefined && chain.length < 8;) {
    chain.push(each)
    each = Predicate.hasProperty(each, "cause") ? each.cause : undefined
  }
  return chain
}

const codeOf = (error: unknown): string | undefined =>
  Predicate.hasProperty(error, "code") && Predicate.isString(error.code) ? error.code : undefined

const otherRow = (code: string): Row => {
  // Node's HTTP client again.
  if (code.startsWith("HPE_")) return ["http", "the answer is not valid HTTP", false]
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return ["tls", `no TLS connection could be agreed on (${code})`, false]
  }
  return [
    "other",
    /^[A-Z_]{1,60}$/.test(code) ? `the connection failed (${code})` : "the connection failed",
    true
  ]
}

/** A failure for one of the reasons that Node or the system has a code for. */
export const fromCode = (code: string): ConnectionFailure => {
  const [kind, detail, isPassing] = (Object.hasOwn(rows, code) ? rows[code] : undefined) ?? otherRow(code)
  return new ConnectionFailure({ kind, detail, isPassing })
}

/** The failure that an error stands for: the one it is or wraps, else what its code means. */
export const fromCause = (cause: unknown): ConnectionFailure => {
  const chain = chainOf(cause)
  const known = chain.find((each) => each instanceof ConnectionFailure)
  return known ?? fromCode(chain.map(codeOf).find(Predicate.isString) ?? "")
}

/** The other side closed the connection before all had come. */
export const closedEarly: ConnectionFailure = fromCode("ECONNRESET")

/** The connection, TLS handshake and proxy included, took too long. */
export const notInTime: ConnectionFailure = fromCode(connectTimeoutCode)

/** An answer that no HTTP/1 client can read. */
export const notHttp = (detail = "the answer is not valid HTTP"): ConnectionFailure =>
  new ConnectionFailure({ kind: "http", detail, isPassing: false })
