import type { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as Failures from "@registry-packages-proxy/node-net/ConnectionFailure"
import type { HttpClientError } from "effect/http"
import { ConnectionFailed, InvalidResponse, type OtherServer, TimedOut } from "../../RegistryError.ts"
import {
  otherServerField,
  permanent,
  invalidResponse,
  retryable,
  type PullFailure,
  type Reason
} from "./PullFailure.ts"

const kindOf = ({ kind, proxySetting }: ConnectionFailure): ConnectionFailed["kind"] => {
  if (proxySetting !== undefined) return "proxy"
  return kind === "refused" || kind === "reset" || kind === "dns" || kind === "certificate" ? kind : "other"
}

const reasonOf = (failure: ConnectionFailure, host: string, otherServer: OtherServer | undefined): Reason => {
  const { kind, proxySetting } = failure
  const field = otherServerField(otherServer)
  if (kind === "timeout")
    return new TimedOut({ phase: proxySetting === undefined ? "connect" : "proxy", ...field })
  const detail = `${host}: ${failure.detail}`
  return kind === "http" && proxySetting === undefined
    ? new InvalidResponse({ detail, ...field })
    : new ConnectionFailed({ kind: kindOf(failure), detail, ...field })
}

/** Converts the cause of a failed connection to a `PullFailure`. `host` is for messages. */
export const fromCause = (
  cause: unknown,
  host: string,
  otherServer: OtherServer | undefined
): PullFailure => {
  const failure = Failures.fromCause(cause)
  return (failure.isRetryable ? retryable : permanent)(reasonOf(failure, host, otherServer))
}

/** Converts an error of the HTTP client to a `PullFailure`. `host` is for messages. */
export const fromClientError = (
  error: HttpClientError.HttpClientError,
  host: string,
  otherServer: OtherServer | undefined
): PullFailure =>
  error.reason._tag === "InvalidUrlError"
    ? invalidResponse(`${host}: the URL is not valid`, otherServer)
    : fromCause("cause" in error.reason ? error.reason.cause : undefined, host, otherServer)
