import { Effect, type Scope } from "effect"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { RegistryPackage } from "./RegistryPackage.ts"
import { freePort, type MeasuredServer, start } from "./MeasuredServer.ts"
import type * as Nginx from "./Nginx.ts"
import type { Origin } from "./Origin.ts"

const bareServer = fileURLToPath(new URL("BareServer.ts", import.meta.url))

/**
 * Starts BareServer.ts with `buffers` buffers of `bufferSize` bytes per download. With one buffer, the server reads
 * synchronously.
 */
export const bareNode = (options: {
  readonly packages: ReadonlyArray<RegistryPackage>
  readonly workDirectory: string
  readonly bufferSize: number
  readonly buffers: number
  /** The certificate and key of the server. Default: plain HTTP. */
  readonly tls?: Nginx.TlsPair
}): Effect.Effect<MeasuredServer, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { packages, buffers, bufferSize, tls, workDirectory } = options
    const scheme = tls === undefined ? "http" : "https"
    const port = yield* freePort
    const kib = `${bufferSize / 1024} KiB`
    const name = `bare node:${scheme}, ${buffers === 1 ? `readSync ${kib}` : `${buffers} x ${kib}`}`
    const pair = tls === undefined ? [] : [`--certificate=${tls.certificate}`, `--key=${tls.key}`]
    const files = packages.map(({ file }) => file)
    const args = [bareServer, ...pair, port, bufferSize, buffers, ...files].map(String)
    const pid = yield* start({
      command: process.execPath,
      args,
      port,
      log: join(workDirectory, `bare-${port}.log`)
    })
    return {
      name,
      pid,
      url: (wanted) => `${scheme}://127.0.0.1:${port}/${packages.indexOf(wanted)}`,
      emptyCache: Effect.void
    }
  })

/** Starts Debian's docker-registry (distribution) as a pull-through cache for the registry at `upstream`. */
export const distribution = (options: {
  readonly upstream: string
  readonly workDirectory: string
}): Effect.Effect<MeasuredServer, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const home = join(options.workDirectory, "distribution")
    const storage = join(home, "storage")
    mkdirSync(storage, { recursive: true })
    const config = join(home, "config.yml")
    writeFileSync(
      config,
      `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${storage} }, delete: { enabled: true } }
http: { addr: "127.0.0.1:${port}" }
proxy: { remoteurl: "http://${options.upstream}" }
`
    )
    const pid = yield* start({
      command: "docker-registry",
      args: ["serve", config],
      port,
      log: join(home, "output.log")
    })
    return {
      name: "distribution pull-through",
      pid,
      url: (wanted) => `http://127.0.0.1:${port}/v2/bench/blobs/${wanted.layerDigest}`,
      emptyCache: Effect.sync(() => rmSync(join(storage, "docker"), { recursive: true, force: true }))
    }
  })

/**
 * Returns the benchmark's registry as a server to measure. Clients download directly from the registry at `host`, not
 * from a cache.
 */
export const direct = (origin: Origin, host: string): MeasuredServer => ({
  name: "direct from the registry",
  pid: origin.pid,
  url: (wanted) => `http://${host}/v2/bench/blobs/${wanted.layerDigest}`,
  emptyCache: Effect.void
})
