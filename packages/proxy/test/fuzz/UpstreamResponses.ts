import { ConnectionFailure } from "@registry-packages-proxy/node-net/ConnectionFailure"
import { HttpConnection } from "@registry-packages-proxy/node-net/http/HttpConnection"
import { oddResponses } from "@registry-packages-proxy/testkit/wire/OddResponses"
import { Effect } from "effect"
import * as fc from "fast-check"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import type { Target } from "./FuzzSuite.ts"
import { nearBytes } from "./Mutations.ts"

interface ResponseInput {
  readonly bytes: string
  readonly pieceLength: number
  readonly method: "GET" | "HEAD"
}

/**
 * Parses a response of a registry, and returns the result as text. If the response has a valid head, the text contains
 * the status, the end of the body (`whole` or a failure), and the body. Otherwise the text contains the failure of the
 * response. If `isBorrowed` is true, the parser receives all chunks in the same buffer.
 */
const outcomeOf = ({ bytes, method, pieceLength }: ResponseInput, isBorrowed: boolean): string => {
  const socket = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => done()
  }) as unknown as Socket
  const connection = new HttpConnection(socket, isBorrowed)
  let outcome = "nothing"
  let body = ""
  connection.send(
    { method, target: "/", headers: { host: "registry.test" } },
    {
      onResponse: (response) => {
        outcome = `${response.status}`
        response.body.attach({
          onBytes: (piece) => {
            body += Buffer.from(piece).toString("latin1")
          },
          onEnd: (failure) => {
            outcome += failure === undefined ? " whole" : ` ${failure.detail}`
          }
        })
      },
      onFailure: (failure) => {
        if (!(failure instanceof ConnectionFailure)) throw new Error("a failure without a kind")
        outcome = failure.detail
      }
    }
  )
  const all = Buffer.from(bytes, "latin1")
  const shared = Buffer.alloc(pieceLength)
  for (let at = 0; at < all.length; at += pieceLength) {
    const piece = all.subarray(at, at + pieceLength)
    shared.set(piece)
    connection.receive(isBorrowed ? shared.subarray(0, piece.length) : piece)
  }
  socket.emit("end")
  if (connection.isOpen) throw new Error("a connection that ended is open")
  return `${outcome} ${body}`
}

/**
 * Fuzzes the responses of a registry. The outcome must not depend on the sizes of the chunks in which a response
 * arrives.
 */
export const target: Target<ResponseInput> = {
  name: "responses of registries",
  input: fc.record({
    bytes: nearBytes({
      samples: oddResponses.map(({ bytes }) => bytes).filter((bytes) => bytes.length < 1000),
      pieces: [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "X: y\r\n",
        "\r\n z",
        "\r\n\r\n",
        "\n\n",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        ";x"
      ],
      longest: 300_000
    }),
    pieceLength: fc.oneof(fc.constantFrom(1, 2, 3), fc.integer({ min: 4, max: 70_000 })),
    method: fc.constantFrom("GET" as const, "GET" as const, "HEAD" as const)
  }),
  size: ({ bytes }) => bytes.length,
  millisPerMiB: 8_000,
  make: Effect.succeed((input) => {
    const whole = outcomeOf({ ...input, pieceLength: Math.max(1, input.bytes.length) }, false)
    const cut = outcomeOf(input, true)
    if (whole !== cut) throw new Error(`${whole.slice(0, 200)} and, cut, ${cut.slice(0, 200)}`)
    return Promise.resolve()
  })
}
