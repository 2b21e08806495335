import { Effect, type Fiber, Latch } from "effect"
import { Answer, ask as send } from "./Client.ts"
import type * as Model from "./Model.ts"
import { packages, repository } from "./Packages.ts"
import type { Ask } from "./Step.ts"
import type { World } from "./World.ts"

/** A request under way, with what went on around it so far. */
export interface Pending {
  readonly ask: Ask
  readonly answer: Answer
  readonly fiber: Fiber.Fiber<void>
  circumstances: Model.Circumstances
}

const requestOf = ({ ifNoneMatch, ifRange, method, range, wanted }: Ask): string => {
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

/** Begins a request on a connection of its own. */
export const begin = (world: World, ask: Ask, circumstances: Model.Circumstances): Effect.Effect<Pending> =>
  Effect.gen(function* () {
    const answer = new Answer()
    const socket = world.run.connect()
    const fiber = yield* Effect.forkDetach(
      send({ socket, request: requestOf(ask), ask, waits: world.waits, answer })
    )
    return { ask, answer, fiber, circumstances }
  })

/** A request for the whole of a package, as a simple client sends it. */
export const simple = (wanted: number): Ask => ({
  _tag: "Ask",
  wanted,
  method: "GET",
  range: undefined,
  ifRange: undefined,
  ifNoneMatch: undefined,
  taking: { _tag: "Whole" }
})

/** A probe of the program itself. */
export const probe = (world: World, path: "/healthz" | "/readyz" | "/metrics"): Effect.Effect<Answer> =>
  Effect.gen(function* () {
    const answer = new Answer()
    yield* send({
      socket: world.run.connect(),
      request: `GET ${path} HTTP/1.1\r\nHost: proxy.test\r\n\r\n`,
      ask: simple(0),
      waits: { letGo: Latch.makeUnsafe(true), over: Latch.makeUnsafe(true) },
      answer
    })
    return answer
  })
