import { Effect } from "effect"
import * as fc from "fast-check"
import type { Target } from "./FuzzSuite.ts"
import { nearBytes } from "./Mutations.ts"
import * as Wire from "./Wire.ts"

const digest = Wire.image.digest

const fields: ReadonlyArray<string> = [
  "Host: proxy.test",
  "Host: a, b",
  "Connection: close",
  "Connection: keep-alive, Upgrade",
  "Upgrade: websocket",
  "Range: bytes=0-9",
  "Range: bytes=-5",
  "Range: bytes=990-",
  "Range: bytes=0-1,5-6",
  `If-Range: "${digest}"`,
  `If-None-Match: "${digest}"`,
  'If-None-Match: W/"a", "b", *',
  "Content-Length: 5",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: gzip, chunked",
  "Expect: 100-continue",
  "TE: trailers",
  "Trailer: X",
  "Accept-Encoding: gzip",
  "Authorization: Bearer abc.def.ghi",
  "X-Forwarded-For: 1.2.3.4",
  "X-Remote-User: admin",
  "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "tracestate: a=b",
  "baggage: a=b",
  "b3: 0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
  "Cookie: a=b"
]

interface Request {
  readonly method: string
  readonly version: string
  readonly fields: ReadonlyArray<string>
  readonly lineEnd: string
  readonly body: string
}

const textOf = ({ body, fields, lineEnd, method, version }: Request): string =>
  [`${method} /package?digest=${digest} HTTP/${version}`, ...fields, "", body].join(lineEnd)

/**
 * Fuzzes the heads of package requests, and the bytes after each head. After each request, registry-packages-proxy must
 * still respond 200 to `/healthz`.
 */
export const target: Target<Request> = {
  name: "headers",
  input: fc.record({
    method: fc.constantFrom("GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "CONNECT", "PRI", "get"),
    version: fc.constantFrom("1.1", "1.1", "1.1", "1.0", "2.0", "0.9", "1.1 "),
    fields: fc.array(
      nearBytes({
        samples: fields,
        pieces: ["bytes=", "Range:", "\r\n", "\r\n ", '"', "W/", "*", "chunked", "X: y\r\n", `"${digest}"`],
        longest: 20_000
      }),
      { maxLength: 8 }
    ),
    lineEnd: fc.constantFrom("\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"),
    body: nearBytes({
      samples: ["", "hello", "5\r\nhello\r\n0\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"],
      pieces: ["0\r\n\r\n", "ffffffff\r\n", "5;a=b\r\n"],
      longest: 70_000
    })
  }),
  size: (input) => textOf(input).length,
  millisPerMiB: 2_000,
  make: Effect.map(Wire.make, ({ send }) => async (input) => {
    await send(Buffer.from(textOf(input), "latin1"), input.method)
    const [healthy] = await send(Buffer.from("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
    if (healthy?.status !== 200) throw new Error("nothing is answered any more")
  })
}
