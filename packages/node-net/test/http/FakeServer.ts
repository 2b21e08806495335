import { HttpConnection } from "@registry-packages-proxy/node-net/http/HttpConnection"
import type { HttpPoolOptions } from "@registry-packages-proxy/node-net/http/HttpPool"
import { Effect } from "effect"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"

/** One connection to a server in memory. The test sends the responses of the server. */
export class FakeSocket extends Duplex {
  readonly connection: HttpConnection
  readonly written: Array<string> = []

  constructor() {
    super({
      read: () => {},
      write: (chunk: Buffer, _, done) => {
        this.written.push(chunk.toString("latin1"))
        done()
      }
    })
    this.connection = new HttpConnection(this as unknown as Socket, true)
  }

  /** Sends bytes to the client. */
  send(text: string): void {
    this.connection.receive(Buffer.from(text, "latin1"))
  }

  /** Responds to the request in progress. */
  respond(body = "ok"): void {
    this.send(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  }

  /** Emits the event `end`, as if the server had closed the connection. */
  hangUp(): void {
    this.emit("end")
  }
}

/** A server in memory. A connection is complete only after `beforeConnect` has completed. */
export class FakeServer {
  readonly sockets: Array<FakeSocket> = []
  beforeConnect: Effect.Effect<void> = Effect.void

  readonly connect: HttpPoolOptions["connect"] = (onSocket) =>
    Effect.andThen(
      Effect.sync(() => {
        const socket = new FakeSocket()
        this.sockets.push(socket)
        onSocket(socket as unknown as Socket)
        return socket
      }),
      (socket) => Effect.as(this.beforeConnect, socket.connection)
    )

  get open(): ReadonlyArray<FakeSocket> {
    return this.sockets.filter((socket) => !socket.destroyed)
  }

  /** Returns the socket of a connection. The first connection has index 0. */
  at(index: number): FakeSocket {
    const socket = this.sockets[index]
    if (socket === undefined) throw new Error(`there is no connection ${index}`)
    return socket
  }
}
