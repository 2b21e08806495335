import { Data, Predicate } from "effect"

/** The kind of a failure. `http`: the response is not valid HTTP. `proxy`: the proxy does not forward the request. */
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
 * The failure to make a connection, to keep it open, or to read a valid response. Contains no message of Node's errors,
 * since such a message may contain an address with credentials.
 */
export class ConnectionFailure extends Data.TaggedError("ConnectionFailure")<{
  readonly kind: ConnectionFailureKind
  /** A clause that does not name the server, such as `its certificate has expired`. Contains no secret. */
  readonly detail: string
  /** True if a retry may succeed. */
  readonly isRetryable: boolean
  /** The name of the setting with the failed proxy's address, such as `HTTPS_PROXY`. Undefined if no proxy failed. */
  readonly proxySetting?: string | undefined
}> {
  override get message(): string {
    return this.detail
  }
}

type Row = readonly [kind: ConnectionFailureKind, detail: string, isRetryable: boolean]

const untrusted: Row = [
  "certificate",
  "its certificate is signed by an authority that is not trusted here",
  false
]
const otherName: Row = ["certificate", "its certificate is for another name", false]
const closed: Row = ["reset", "the connection was closed by the other side", true]
const plain: Row = [
  "tls",
  "the TLS handshake failed: this port speaks plain HTTP, or another protocol",
  false
]
const noCommonTls: Row = [
  "tls",
  "the TLS handshake failed: no common version from 1.2 on, or no common cipher",
  false
]
const clientCertificate: Row = ["tls", "it requires a client certificate, and none is configured", false]
const shortKey: Row = ["tls", "the key of its certificate or of its key exchange is too short", false]

/** The error code that node-net uses for a connect timeout. Node has no such code. */
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
  EAI_AGAIN: ["dns", "its name could not be resolved: the name server does not answer", true],
  EAI_FAIL: ["dns", "its name could not be resolved: the name server fails", true],
  ECONNABORTED: ["reset", "the connection was aborted", true],
  ECONNREFUSED: ["refused", "the connection was refused: nothing listens there", true],
  ECONNRESET: closed,
  EHOSTUNREACH: ["other", "there is no route to it", true],
  ENETUNREACH: ["other", "there is no route to its network", true],
  ENOTFOUND: ["dns", "its name does not exist in DNS", true],
  EPIPE: closed,
  // An error code of Node's own HTTP client. A program may use that client instead of node-net.
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
  // The kernel's code for a connection attempt or an established connection that got no reply.
  ETIMEDOUT: ["timeout", "it did not reply", true],
  HOSTNAME_MISMATCH: otherName,
  INVALID_CA: untrusted,
  INVALID_PURPOSE: ["certificate", "its certificate is not meant for servers", false],
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  // Node's code for a key or a signature that is below OpenSSL's security level.
  UNSPECIFIED: ["certificate", "its certificate has a key or a signature that is too weak", false]
}

/** Returns an error and its chain of causes, at most 8 in all. */
const causesOf = (cause: unknown): ReadonlyArray<unknown> => {
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
  // Error codes of Node's own HTTP client.
  if (code.startsWith("HPE_")) return ["http", "the response is not valid HTTP", false]
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return ["tls", `the TLS handshake failed (${code})`, false]
  }
  return [
    "other",
    /^[A-Z_]{1,60}$/.test(code) ? `the connection failed (${code})` : "the connection failed",
    true
  ]
}

/** Returns the failure for an error code of Node, OpenSSL or the operating system. */
export const fromCode = (code: string): ConnectionFailure => {
  const [kind, detail, isRetryable] = (Object.hasOwn(rows, code) ? rows[code] : undefined) ?? otherRow(code)
  return new ConnectionFailure({ kind, detail, isRetryable })
}

/**
 * Returns the first {@link ConnectionFailure} in an error's chain of causes. If there is none, makes a failure from the
 * first error code in the chain.
 */
export const fromCause = (cause: unknown): ConnectionFailure => {
  const chain = causesOf(cause)
  const failure = chain.find((each) => each instanceof ConnectionFailure)
  return failure ?? fromCode(chain.map(codeOf).find(Predicate.isString) ?? "")
}

/** The failure of a connection that was closed before a handshake or a response was complete. */
export const connectionClosed: ConnectionFailure = fromCode("ECONNRESET")

/** The failure of a connection attempt that took too long. The attempt includes the proxy and the TLS handshake. */
export const connectTimedOut: ConnectionFailure = fromCode(connectTimeoutCode)

/** Returns the failure of a response that is not valid HTTP/1. */
export const invalidHttp = (detail = "the response is not valid HTTP"): ConnectionFailure =>
  new ConnectionFailure({ kind: "http", detail, isRetryable: false })
