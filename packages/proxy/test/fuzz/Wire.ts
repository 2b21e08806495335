import { installedScheduler } from "@registry-packages-proxy/testkit/machine/CountingScheduler"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as CredentialStoreMock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { MemorySocket } from "@registry-packages-proxy/testkit/machine/MemorySocket"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Duration, Effect, Layer, Logger } from "effect"
import { layerPlain } from "../../src/http/server/Listener.ts"
import { makePlainServer } from "../../src/http/server/NodeServer.ts"

const content = RegistryBlob.randomBytes(11, 1000)
/** The only image in the mock registry. */
export const image = RegistryImage.ofPackage(content)
export const repository = "registry.test/modules"

/** A response of registry-packages-proxy, parsed from the bytes of a connection. */
export interface WireResponse {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** False if the connection ended before the end of the body. */
  readonly isWhole: boolean
}

/** The statuses that responses to fuzzed requests may have. A status of 500 is always a bug. */
const allowed: ReadonlySet<number> = new Set([200, 206, 304, 400, 404, 405, 408, 416, 431])

/** Number of event loop turns without progress, after which all responses count as received. */
const quietTurns = 8

const settle = async (steps: () => number): Promise<void> => {
  const scheduler = installedScheduler()
  let before = steps()
  for (let quiet = 0; quiet < quietTurns; quiet++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (steps() !== before || scheduler.pending > 0) quiet = 0
    before = steps()
  }
}

const fail = (what: string): never => {
  throw new Error(what)
}

/**
 * Parses all bytes that arrived on a connection into responses. `method` is the method of the first request. Throws if
 * a response violates HTTP.
 */
const responsesOf = (received: Buffer, method: string): ReadonlyArray<WireResponse> => {
  const responses: Array<WireResponse> = []
  let rest = received
  while (rest.length > 0) {
    const end = rest.indexOf("\r\n\r\n")
    if (end === -1) return fail(`an unfinished head: ${rest.toString("latin1", 0, 200)}`)
    const [line = "", ...fields] = rest.toString("latin1", 0, end).split("\r\n")
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1] ?? fail(`the status line ${line}`))
    rest = rest.subarray(end + 4)
    if (status === 100) continue
    const headers = new Map<string, string>()
    for (const field of fields) {
      const [, name = fail(`the field ${field}`), value = ""] =
        /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?([\t\x20-\x7e]*)$/.exec(field) ?? []
      if (headers.has(name.toLowerCase())) fail(`${name} twice`)
      headers.set(name.toLowerCase(), value)
    }
    // If the server refuses a request before it has parsed the method, the response has a body, even for HEAD.
    const isRefused = headers.get("connection") === "close" && [400, 408, 431].includes(status)
    const isHead = method === "HEAD" && responses.length === 0 && !(isRefused && rest.length > 0)
    const length = isHead || status === 304 ? 0 : Number(headers.get("content-length") ?? 0)
    responses.push({ status, headers, body: rest.subarray(0, length), isWhole: rest.length >= length })
    rest = rest.subarray(length)
  }
  return responses
}

const checkPackage = ({ body, headers, isWhole, status }: WireResponse, isHead: boolean): void => {
  if (headers.get("etag") === undefined || status === 304 || isHead) return
  const [, first = "0", last = "999"] =
    /^bytes (\d+)-(\d+)\/1000$/.exec(headers.get("content-range") ?? "") ?? []
  const expected = content.subarray(Number(first), Number(last) + 1)
  if (isWhole && status === 200 && body.length !== content.length) fail("200 without the whole package")
  if (!body.equals(isWhole ? expected : expected.subarray(0, body.length)))
    fail("other bytes than the package's")
}

/**
 * Throws if a response violates docs/http.md. Checks the status, the headers of an error, and the bytes of the package.
 */
const check = (response: WireResponse, isHead: boolean): void => {
  const { headers, status } = response
  if (!allowed.has(status)) fail(`status ${status}: ${response.body.toString("latin1", 0, 300)}`)
  const isProblem = headers.get("content-type") === "application/problem+json"
  if (status >= 400 && !isProblem) fail(`${status} without a problem`)
  if (status >= 400 && headers.get("cache-control") !== "no-store") fail(`${status} may be kept`)
  if (status < 400) checkPackage(response, isHead)
}

/** Starts registry-packages-proxy with a mock registry that has only `image`. Clients use in-memory connections. */
export const make = Effect.gen(function* () {
  const server = makePlainServer()
  const source = CredentialStoreMock.registrySource({ host: "registry.test", repositoryPrefix: "p" })
  yield* Layer.build(
    layerPlain({
      listen: { host: "127.0.0.1", port: 0 },
      platform: Platform.make("linux/amd64"),
      gracePeriod: Duration.zero,
      server
    }).pipe(
      Layer.provide(DigestCache.layerMemory({ cap: 1024 * 1024 })),
      Layer.provide(RegistryClientMock.layer([image])),
      Layer.provide(CredentialStoreMock.layer({ sources: { "": source, [repository]: source } })),
      Layer.provide(NodeServices.layer),
      Layer.provideMerge(Logger.layer([]))
    )
  ).pipe(Effect.orDie)

  const exchange = async (request: Buffer): Promise<Buffer> => {
    let steps = 0
    const [client, socket] = MemorySocket.pair(64 * 1024, () => steps++)
    const received: Array<Buffer> = []
    client.on("data", (chunk: Buffer) => received.push(chunk))
    client.on("error", () => {})
    server.emit("connection", socket)
    client.write(request)
    await settle(() => steps)
    client.end()
    await settle(() => steps)
    client.destroy()
    await settle(() => steps)
    if (!socket.destroyed) fail("the connection was left open")
    return Buffer.concat(received)
  }

  return {
    /**
     * Sends bytes on a new connection, and returns all responses. `method` is the method of the first request. Rejects
     * if a response violates HTTP or docs/http.md.
     */
    send: async (request: Buffer, method = "GET"): Promise<ReadonlyArray<WireResponse>> => {
      const responses = responsesOf(await exchange(request), method)
      responses.forEach((response, index) => check(response, index === 0 && method === "HEAD"))
      return responses
    }
  }
})
