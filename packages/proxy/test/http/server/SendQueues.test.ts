import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { parse, ReadSendQueues } from "../../../src/http/server/SendQueues.ts"
import { kinds, start } from "./BareServer.ts"

// The format of the kernel's Documentation/networking/proc_net_tcp.rst. Only the fields up to the queues are used.
const tcp = [
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
  "   0: 0100007F:13D8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1",
  "   1: 0100007F:13D8 0100007F:D431 01 002AB8C0:00000000 01:00000014 00000000     0        0 2 1",
  "  10: 0100007F:D431 0100007F:13D8 01 00000000:00050000 00:00000000 00000000     0        0 3 1"
].join("\n")

const tcp6 = [
  "  sl  local_address                         remote_address                        st tx_queue rx_queue",
  "   0: 00000000000000000000000001000000:13D8 00000000000000000000000001000000:D432 01 00000010:00000000",
  "   1: 0000000000000000FFFF00000100007F:13D8 0000000000000000FFFF00000200007F:D433 01 00000020:00000000",
  "   2: 0000000000000000FFFF00000100007F:13D8 0000000000000000FFFF00000300007F:D433 01 00000003:00000000"
].join("\n")

it("parses the kernel's tables of IPv4 and IPv6, with one entry for each end of a connection", () => {
  const queueOf = parse(tcp, tcp6)
  for (const [localPort, remotePort, bytes] of [
    [0x13d8, 0xd431, 0x2ab8c0],
    [0xd431, 0x13d8, 0],
    [0x13d8, 0xd432, 16],
    [0x13d8, 0xd433, 35],
    [0x13d8, 1, undefined],
    [undefined, undefined, undefined]
  ]) {
    assert.strictEqual(queueOf({ localPort, remotePort }), bytes)
  }
  assert.isUndefined(parse("", "nonsense\n\n0: 1 2 3")({ localPort: 1, remotePort: 2 }))
})

for (const kind of kinds) {
  it.effect(`returns the bytes that the client of a ${kind[0]} connection has not acknowledged`, () =>
    Effect.gen(function* () {
      const { connect, sockets, turn } = yield* start(kind, (server) => (answer) => {
        server.on("request", (request, response) => answer({ request, response }))
      })
      const client = yield* connect
      client.write("GET / HTTP/1.1\r\nHost:x\r\n\r\n")
      const { response } = yield* turn
      const [socket] = sockets
      if (socket === undefined) assert.fail()
      const queued = Effect.map(yield* ReadSendQueues, (queueOf) => queueOf(socket) ?? assert.fail())
      response.end(Buffer.alloc(32 * 1024 * 1024))
      assert.isAbove(yield* queued, 0)
      client.resume()
      // The queue is empty when the client's kernel has acknowledged all bytes.
      yield* Effect.repeat(queued, { until: (bytes) => bytes === 0 && socket.writableLength === 0 })
    })
  )
}
