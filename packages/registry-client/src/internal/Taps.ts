import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"

/** Takes a body's bytes off its connection; they are overwritten once it returns. Answers whether more are to come. */
export type Tap = (bytes: Uint8Array) => boolean

type OnBody = (bytes: Uint8Array) => void

interface Parser {
  incoming?: IncomingMessage | null
  [index: number]: unknown
}

interface Tapped {
  readonly tap: Tap
  readonly restore: () => void
}

/** Where Node's parser keeps what it calls with the bytes of a body, each time with a copy of them: `HTTPParser.kOnBody`. */
const onBody = 3

const tapped = new WeakMap<Socket, Tapped>()

/** The connections whose bytes come by `deliver`; those of TLS in a proxy's tunnel do not. */
const delivered = new WeakSet<Socket>()

const isOnBody = (value: unknown): value is OnBody =>
  typeof value === "function" && value.name === "parserOnBody"

const isParser = (value: unknown): value is Parser => typeof value === "object" && value !== null

/** Takes the tap off a connection, if there is one. */
export const close = (socket: Socket): void => {
  const present = tapped.get(socket)
  tapped.delete(socket)
  present?.restore()
}

/**
 * From now on `tap` is given the bytes of a message's body as they lie in the connection's buffer. Node's parser sees
 * them too, so that it knows where the message ends and keeps the connection; it only copies none. Not to be called
 * while the parser runs. False where Node is not as expected: the message is then read as any other.
 */
export const open = (message: IncomingMessage, tap: Tap): boolean => {
  const { socket } = message
  const parser: unknown = Reflect.get(socket, "parser")
  // Its head came the way its body will.
  if (!delivered.has(socket) || !isParser(parser) || parser.incoming !== message) return false
  const given = parser[onBody]
  if (!isOnBody(given)) return false
  const stop = () => close(socket)
  const restore = () => {
    parser[onBody] = given
    socket.off("end", stop)
    socket.off("close", stop)
  }
  parser[onBody] = undefined
  tapped.set(socket, { tap, restore })
  // A connection that ends gives its parser to the next, which needs it whole: before those who do that.
  socket.prependListener("end", stop)
  socket.prependListener("close", stop)
  return true
}

/** Gives what a connection has read to its tap, and to whoever parses it. */
export const deliver = (socket: Socket, bytes: Uint8Array): void => {
  if (!delivered.has(socket)) delivered.add(socket)
  const more = tapped.get(socket)?.tap(bytes) ?? true
  socket.emit("data", bytes)
  if (!more || socket.destroyed) close(socket)
}
