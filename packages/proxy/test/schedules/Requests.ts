import { Effect, type Fiber, Latch } from "effect"
import { ReceivedResponse, ask as send } from "./Client.ts"
import type * as Model from "./Model.ts"
import { packages, repository } from "./Packages.ts"
import type { ClientRequest } from "./Step.ts"
import type { World } from "./World.ts"

/**
 * A request whose response is not checked yet. `circumstances` are the faults that occurred before or during the
 * request.
 */
export interface Pending {
  readonly ask: ClientRequest
  readonly response: ReceivedResponse
  readonly fiber: Fiber.Fiber<void>
  circumstances: Model.Circumstances
}

const requestOf = ({ ifNoneMatch, ifRange, method, range, wanted }: ClientRequest): string => {
  const digest = packages[wanted]?.image.digest
  const tag = (which: "matching" | "other") => (which === "matching" ? `"${digest}"` : '"another"')
  const lines = [
    `${method} /package?digest=${digest}&repository=${encodeURIComponent(repository)}&path=pkg HTTP/1.1`,
    "Host: proxy.test"
  ]
  if (range !== undefined) lines.push(`Range: bytes=${range[0] ?? ""}-${range[1] ?? ""}`)
  if (ifRange !== undefined) lines.push(`If-Range: ${tag(ifRange)}`)
  if (ifNoneMatch !== undefined)
    lines.push(`If-None-Match: ${ifNoneMatch === "any" ? "*" : tag(ifNoneMatch)}`)
  return `${lines.join("\r\n")}\r\n\r\n`
}

/** Starts a request on a new connection, and returns without waiting for the response. */
export const begin = (
  world: World,
  ask: ClientRequest,
  circumstances: Model.Circumstances
): Effect.Effect<Pending> =>
  Effect.gen(function* () {
    const response = new ReceivedResponse()
    const socket = world.run.connect()
    const fiber = yield* Effect.forkDetach(
      send({ socket, request: requestOf(ask), ask, waits: world.waits, response })
    )
    return { ask, response, fiber, circumstances }
  })

/** Returns a GET request for the whole package at position `wanted` in `packages`. Its client reads without pauses. */
export const simple = (wanted: number): ClientRequest => ({
  _tag: "ClientRequest",
  wanted,
  method: "GET",
  range: undefined,
  ifRange: undefined,
  ifNoneMatch: undefined,
  reading: { _tag: "Whole" }
})

/** Requests `path` from registry-packages-proxy, and returns the response. */
export const probe = (
  world: World,
  path: "/healthz" | "/readyz" | "/metrics"
): Effect.Effect<ReceivedResponse> =>
  Effect.gen(function* () {
    const response = new ReceivedResponse()
    yield* send({
      socket: world.run.connect(),
      request: `GET ${path} HTTP/1.1\r\nHost: proxy.test\r\n\r\n`,
      ask: simple(0),
      waits: { resume: Latch.makeUnsafe(true), over: Latch.makeUnsafe(true) },
      response
    })
    return response
  })
