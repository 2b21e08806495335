import { Clock, Effect } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { FaultyResponse } from "./FaultyResponse.ts"

const largestPiece = 256 * 1024

// Does not return after a failed write: the client has disconnected, so `awaitClose` wins the race in the handler.
const write = (response: ServerResponse, bytes: Uint8Array) =>
  Effect.callback<void>((resume) => {
    response.write(bytes, (error) => {
      if (error === null || error === undefined) resume(Effect.void)
    })
  })

const finish = (response: ServerResponse) =>
  Effect.callback<void>((resume) => {
    response.end(() => resume(Effect.void))
  })

/**
 * Breaks the connection of a response. `close` sends the written bytes and a FIN. `reset` sends a RST. Over TLS,
 * `reset` closes the connection without close_notify, because Node cannot reset TLS connections.
 */
export const breakConnection = (response: ServerResponse, how: "close" | "reset"): Effect.Effect<void> =>
  Effect.sync(() => {
    const { socket } = response
    if (socket === null) return
    if (how === "close") socket.destroySoon()
    else if ("encrypted" in socket) socket.destroy()
    else socket.resetAndDestroy()
  })

/** Waits until the client has disconnected or the response is complete. */
export const awaitClose = (response: ServerResponse): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (response.closed) return resume(Effect.void)
    const onClose = () => resume(Effect.void)
    response.once("close", onClose)
    return Effect.sync(() => response.off("close", onClose))
  })

/** Splits chunks into pieces of at most `largest` bytes. No piece extends across the offset `cut`. */
const pieces = function* (chunks: Iterable<Uint8Array>, largest: number, cut: number) {
  let offset = 0
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const untilCut = cut > offset ? cut - offset : Infinity
      const piece = chunk.subarray(at, at + Math.min(largest, untilCut))
      yield piece
      at += piece.length
      offset += piece.length
    }
  }
}

/** Sends a response with its delays and its ending. Calls `onSent` with the size of each written piece of the body. */
export const send = Effect.fnUntraced(function* (
  response: ServerResponse,
  faulty: FaultyResponse,
  options: { readonly isHead: boolean; readonly onSent: (bytes: number) => void }
) {
  const { bytesPerSecond, ending, response: served, stall } = faulty
  response.writeHead(served.status, served.headers)
  const hasNothing = served.body.size === 0 && stall === undefined && ending === "end"
  // flushHeaders writes the head as UTF-8, but `end` writes it byte for byte.
  if (options.isHead || hasNothing) return yield* finish(response)
  response.flushHeaders()
  const started = yield* Clock.currentTimeMillis
  const largest =
    bytesPerSecond === undefined
      ? largestPiece
      : Math.min(largestPiece, Math.max(1, Math.floor(bytesPerSecond / 20)))
  let sent = 0
  const pause = Effect.suspend(() =>
    stall === undefined || stall.after !== sent
      ? Effect.void
      : Effect.andThen(stall.reached?.open ?? Effect.void, stall.until.await)
  )
  yield* pause
  for (const piece of pieces(served.body.chunks(), largest, stall?.after ?? 0)) {
    yield* write(response, piece)
    sent += piece.length
    options.onSent(piece.length)
    yield* pause
    if (bytesPerSecond !== undefined) {
      const due = started + (sent / bytesPerSecond) * 1000
      const now = yield* Clock.currentTimeMillis
      if (due > now) yield* Effect.sleep(due - now)
    }
  }
  return yield* ending === "end" ? finish(response) : breakConnection(response, ending)
})

/** Returns the body of a request as text. Drops all text after about 64 KiB. */
export const readRequestBody = (request: IncomingMessage): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    let body = ""
    request.setEncoding("utf8")
    request.on("data", (part: string) => {
      if (body.length < 65536) body += part
    })
    request.once("end", () => resume(Effect.succeed(body)))
  })
