import { Upstream } from "@registry-packages-proxy/registry-client/Upstream"
import { Cause, Clock, Effect, type Pull, Stream } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { findFault } from "./Fault.ts"
import * as FaultyResponse from "./FaultyResponse.ts"
import type { FaultSchedule } from "./FaultSchedule.ts"
import type { RegistryLog, LoggedRequest } from "./RegistryLog.ts"
import { routeOf } from "./ServedRequest.ts"
import type { RegistryRules } from "./RegistryRules.ts"

type Request = HttpClientRequest.HttpClientRequest
type ClientError = HttpClientError.HttpClientError

/** Maximum size of a chunk of a body, in bytes. */
const piece = 64 * 1024

const failure = (request: Request, code: string): ClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, cause: Object.assign(new Error(code), { code }) })
  })

/** Runs `wait`. Fails with ABORT_ERR if the client aborts the request before `wait` completes. */
const unlessAborted = <A, E>(request: Request, signal: AbortSignal, wait: Effect.Effect<A, E>) =>
  Effect.raceFirst(
    wait,
    Effect.callback<never, ClientError>((resume) => {
      const abort = () => resume(Effect.fail(failure(request, "ABORT_ERR")))
      if (signal.aborted) return abort()
      signal.addEventListener("abort", abort, { once: true })
      return Effect.sync(() => signal.removeEventListener("abort", abort))
    })
  )

const pieces = function* (chunks: Iterable<Uint8Array>, cut: number) {
  let offset = 0
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + Math.min(piece, cut > offset ? cut - offset : Infinity))
      yield part
      at += part.length
      offset += part.length
    }
  }
}

/**
 * Returns the body as a client receives it. Bytes beyond the Content-Length are dropped. If the body has fewer bytes
 * than the Content-Length, the stream fails with ECONNRESET.
 */
const bodyOf = (options: {
  readonly request: Request
  readonly signal: AbortSignal
  readonly faulty: FaultyResponse.FaultyResponse
  readonly onStep: (sent: number) => void
  readonly ended: () => void
}): Stream.Stream<Uint8Array, ClientError> => {
  const { ended, faulty, request, signal, onStep } = options
  const { response, bytesPerSecond, ending, stall } = faulty
  const { "content-length": announced } = response.headers
  const length = announced === undefined ? Infinity : Number(announced)
  const next = Effect.gen(function* () {
    const source = pieces(response.body.chunks(), stall?.after ?? 0)[Symbol.iterator]()
    const started = yield* Clock.currentTimeMillis
    let sent = 0
    let stalled = false
    const pull: Pull.Pull<readonly [Uint8Array], ClientError> = Effect.gen(function* () {
      yield* Effect.yieldNow
      if (signal.aborted) return yield* Effect.fail(failure(request, "ABORT_ERR"))
      if (stall !== undefined && stall.after === sent && !stalled) {
        stalled = true
        yield* stall.reached?.open ?? Effect.void
        yield* unlessAborted(request, signal, stall.until.await)
      }
      const due = bytesPerSecond === undefined ? 0 : started + (sent / bytesPerSecond) * 1000
      const now = yield* Clock.currentTimeMillis
      if (due > now) yield* unlessAborted(request, signal, Effect.sleep(due - now))
      const part = sent < length ? source.next() : { done: true as const, value: undefined }
      onStep(sent)
      if (part.done !== true) {
        const bytes = part.value.slice(0, length - sent)
        sent += bytes.length
        onStep(sent)
        return [bytes] as const
      }
      ended()
      const whole = announced === undefined ? ending === "end" : sent === length
      return yield* whole ? Cause.done() : Effect.fail(failure(request, "ECONNRESET"))
    })
    return pull
  })
  return Stream.fromPull(next)
}

/**
 * Makes an Upstream without a network. It takes its responses from `rules`, and applies the faults of `schedule`. Calls
 * `onStep` at each request, response and chunk.
 */
export const make = (options: {
  readonly log: RegistryLog
  readonly rules: RegistryRules
  readonly schedule: FaultSchedule
  readonly servers: {
    readonly registry: { readonly origin: string }
    readonly store: { readonly origin: string }
  }
  readonly onStep: () => void
}): Upstream["Service"] => {
  const { log, onStep, rules, schedule, servers } = options
  let connections = 0

  const execute = Effect.fnUntraced(function* (request: Request, url: URL, signal: AbortSignal) {
    if (signal.aborted) return yield* failure(request, "ABORT_ERR")
    onStep()
    const listener =
      url.origin === servers.store.origin
        ? "store"
        : url.origin === servers.registry.origin
          ? "registry"
          : undefined
    if (listener === undefined) return yield* failure(request, "ENOTFOUND")
    const path = decodeURIComponent(url.pathname)
    const route = routeOf(listener, path)
    const { authorization, ...headers } = request.headers
    const record: LoggedRequest = {
      operation: route?.operation ?? "unknown",
      listener,
      method: request.method,
      path: `${url.pathname}${url.search}`,
      repository: route?.repository,
      reference: route?.reference,
      headers,
      authScheme: authorization?.split(" ", 1)[0]?.toLowerCase(),
      connectionNumber: ++connections,
      status: undefined,
      sentBytes: 0,
      outcome: "open"
    }
    // Uninterruptible, so that every logged request gets its end in the log.
    const { change, ended } = yield* Effect.uninterruptible(
      Effect.map(log.logRequest(record), (change) => {
        let over = false
        const close = (outcome: LoggedRequest["outcome"]): void => {
          if (over) return
          over = true
          // Runs synchronously, unless another update of the log is in progress.
          Effect.runFork(change({ outcome }))
        }
        signal.addEventListener("abort", () => close("aborted"), { once: true })
        return { change, ended: () => close("completed") }
      })
    )
    const faults = route === undefined ? [] : schedule.next(route.operation, route.reference, request.method)
    const delay = findFault(faults, "DelayHeaders")
    if (delay !== undefined) yield* unlessAborted(request, signal, delay.until.await)
    if (findFault(faults, "Reset") !== undefined) {
      ended()
      return yield* failure(request, "ECONNRESET")
    }
    const plain =
      FaultyResponse.replacementOf(faults) ??
      rules.respond(
        {
          listener,
          method: request.method,
          target: `${url.pathname}${url.search}`,
          path,
          query: url.searchParams,
          authorization,
          range: request.headers["range"],
          body: request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "",
          respondedAt: yield* Clock.currentTimeMillis
        },
        route,
        faults
      )
    const faulty = FaultyResponse.apply(faults, plain)
    yield* change({ status: faulty.response.status })
    onStep()
    const response = HttpClientResponse.fromWeb(
      request,
      new Response(null, { status: faulty.response.status, headers: new Headers(faulty.response.headers) })
    )
    Object.defineProperty(response, "stream", { value: bodyOf({ request, signal, faulty, onStep, ended }) })
    return response
  })
  const client = HttpClient.make(execute)
  return Upstream.of({ client: () => Effect.succeed(client) })
}
