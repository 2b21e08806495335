import { assert, describe, it } from "@effect/vitest"
import { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import { HttpConnection } from "@registry-packages-proxy/node-net/http/HttpConnection"
import type { OddResponse } from "@registry-packages-proxy/testkit/wire/OddResponse"
import { oddResponses } from "@registry-packages-proxy/testkit/wire/OddResponses"
import * as RawServer from "@registry-packages-proxy/testkit/wire/RawServer"
import { Effect } from "effect"
import fc from "fast-check"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import { ask, clientOf, collect, type Outcome } from "../Harness.ts"

const check = ({ expected }: OddResponse, outcome: Outcome): void => {
  if (expected._tag === "Failure") {
    assert.instanceOf(outcome, ConnectionFailure)
    if (outcome instanceof ConnectionFailure) assert.include(outcome.detail, expected.words)
    return
  }
  if (outcome instanceof ConnectionFailure) assert.fail(outcome.detail)
  else {
    assert.strictEqual(outcome.status, expected.status)
    assert.strictEqual(outcome.body, expected.body)
    assert.strictEqual(outcome.broken === undefined, expected._tag === "Response", outcome.broken?.detail)
    if (expected._tag === "Response" && expected.field !== undefined) {
      assert.strictEqual(outcome.headers["x-field"], expected.field)
    }
  }
}

/** Makes a socket that receives no bytes. */
const silent = (): Socket =>
  new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() }) as unknown as Socket

/**
 * Delivers a response to a connection in pieces. Each piece overwrites the memory of the previous piece. Returns the
 * outcome of the request.
 */
const inPieces = (answer: OddResponse, cuts: ReadonlyArray<number>): Effect.Effect<Outcome> =>
  Effect.callback<Outcome>((resume) => {
    const socket = silent()
    const connection = new HttpConnection(socket, true)
    connection.send(
      { method: "GET", target: "/", headers: { host: "server.test" } },
      {
        onResponse: (head) => resume(collect(head)),
        onFailure: (failure) => resume(Effect.succeed(failure))
      }
    )
    const bytes = Buffer.from(answer.bytes, "latin1")
    const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
      (a, b) => a - b
    )
    const shared = Buffer.alloc(bytes.length)
    for (const [index, at] of places.entries()) {
      const piece = bytes.subarray(at, places[index + 1])
      shared.fill("?")
      shared.set(piece)
      if (piece.length > 0) connection.receive(shared.subarray(0, piece.length))
    }
    if (answer.closesConnection === true) socket.emit("end")
  })

describe("a response", () => {
  for (const answer of oddResponses) {
    it.effect(
      `with ${answer.situation}`,
      Effect.fn(function* () {
        const server = yield* RawServer.make(() =>
          RawServer.rawResponse(answer.bytes, answer.closesConnection ? "end" : undefined)
        )
        const client = yield* clientOf({ hostname: "127.0.0.1", port: server.port })
        check(answer, yield* ask(client))
        check(answer, yield* ask(client))
        assert.strictEqual(
          server.acceptedConnections(),
          answer.reusesConnection === true ? 1 : 2,
          "connections"
        )
      })
    )
  }

  it.effect("is read the same, whatever the sizes of its segments", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...oddResponses.filter(({ bytes }) => bytes.length < 1000)),
          fc.array(fc.nat(1000), { maxLength: 8 }),
          async (answer, cuts) => check(answer, await Effect.runPromise(inPieces(answer, cuts)))
        ),
        { numRuns: 1000 }
      )
    )
  )

  it.effect(
    "is read the same byte for byte",
    Effect.fn(function* () {
      for (const answer of oddResponses.filter(({ bytes }) => bytes.length < 1000)) {
        check(
          answer,
          yield* inPieces(
            answer,
            Array.from({ length: answer.bytes.length }, (_, index) => index)
          )
        )
      }
    })
  )
})
