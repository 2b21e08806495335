import type { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import * as Failures from "@registry-packages-proxy/node-net/ConnectionFailure"
import type { HttpClientError } from "effect/http"
import { ConnectionFailed, InvalidResponse, TimedOut } from "../RegistryError.ts"
import { final, passing, type PullFailure, type Reason } from "./PullFailure.ts"

const kindOf = ({ kind, proxy }: ConnectionFailure): ConnectionFailed["kind"] => {
  if (proxy !== undefined) return "proxy"
  return kind === "refused" || kind === "reset" || kind === "dns" || kind === "certificate" ? kind : "other"
}

const reasonOf = (failure: ConnectionFailure, host: string): Reason => {
  const { detail, kind, proxy } = failure
  if (kind === "timeout") return new TimedOut({ phase: proxy === undefined ? "connect" : "proxy" })
  if (kind === "http" && proxy === undefined) return new InvalidResponse({ detail: `${host}: ${detail}` })
  return new ConnectionFailed({ kind: kindOf(failure), detail: `${host}: ${detail}` })
}

/** What went wrong between us and `host`. */
export const fromCause = (cause: unknown, host: string): PullFailure => {
  const failure = Failures.fromCause(cause)
  return (failure.isPassing ? passing : final)(reasonOf(failure, host))
}

/** What a client's error means. */
export const fromClientError = (error: HttpClientError.HttpClientError, host: string): PullFailure =>
  error.reason._tag === "InvalidUrlError"
    ? final(new InvalidResponse({ detail: `${host}: the address is not a URL` }))
    : fromCause("cause" in error.reason ? error.reason.cause : undefined, host)
