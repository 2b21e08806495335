import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Container from "@registry-packages-proxy/e2e/image/Container"
import { Effect, type Scope } from "effect"
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type * as Nginx from "./Nginx.ts"
import type { Blob } from "./Blob.ts"
import type { Origin } from "./Origin.ts"
import { freePort, type Server, start } from "./Server.ts"

/** What `npm run build` makes. */
const built = fileURLToPath(new URL("../../../proxy/dist/", import.meta.url))
const bareServer = fileURLToPath(new URL("BareServer.ts", import.meta.url))

/** Takes what was built along: whoever builds meanwhile changes nothing. */
export const takeBundle = (work: string): void => {
  for (const file of ["main.js", "registry-packages-proxy"]) copyFileSync(join(built, file), join(work, file))
}

/** The forms that the program is built in. */
export const forms = ["script", "executable", "image"] as const
export type Form = (typeof forms)[number]

/** How the program is started, as it is shipped. */
export interface Launch {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly port: number
  readonly log: string
  readonly cacheDirectory: string
}

interface LaunchOptions {
  readonly name: string
  readonly work: string
  readonly hosts: ReadonlyArray<string>
  /** The executable, unless told. */
  readonly form?: Form | undefined
  /** Another executable than the one that was built. */
  readonly executable?: string | undefined
  /** Where the files of the image are, for that form. */
  readonly imageRoot?: string | undefined
}

/** How a form is started with its flags; `cache` and `credentials` are folders. */
const commandOf = (
  { executable, form, imageRoot, work }: LaunchOptions,
  {
    cache,
    credentials,
    port
  }: { readonly cache: string; readonly credentials: string; readonly port: number }
): Effect.Effect<readonly [command: string, args: ReadonlyArray<string>], Error> => {
  const flags = (cacheDirectory: string, credentialsDirectory: string) => [
    `--listen-address=127.0.0.1:${port}`,
    `--credentials-file=${credentialsDirectory}/credentials.yaml`,
    `--cache-directory=${cacheDirectory}`,
    "--cache-retention-size=8Gi"
  ]
  if (form === "script") {
    const script = ["--disable-sigusr1", join(work, "main.js")]
    return Effect.succeed([process.execPath, [...script, ...flags(cache, credentials)]])
  }
  if (imageRoot === undefined) {
    return Effect.succeed([executable ?? join(work, "registry-packages-proxy"), flags(cache, credentials)])
  }
  mkdirSync(cache, { recursive: true })
  const args = flags("/cache", "/credentials")
  return Container.command({ root: imageRoot, cache, credentials, user: 64535, args }).pipe(
    Effect.provide(NodeServices.layer)
  )
}

export const launch = (options: LaunchOptions): Effect.Effect<Launch, Error> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const home = join(options.work, `program-${options.name}`)
    mkdirSync(home, { recursive: true })
    const sources = options.hosts.map(
      (host, index) =>
        `apiVersion: deckhouse.io/v1alpha1\nkind: ModuleSource\nmetadata: { name: origin-${index} }\nspec: { registry: { repo: "${host}/bench", scheme: HTTP } }\n`
    )
    writeFileSync(join(home, "credentials.yaml"), sources.join("---\n"))
    const cacheDirectory = join(home, "cache")
    const [command, args] = yield* commandOf(options, { cache: cacheDirectory, credentials: home, port })
    return { port, cacheDirectory, log: join(home, "output.log"), command, args }
  })

/** The URL of a blob's package at the program. */
export const packageUrl = (port: number, host: string, blob: Blob): string =>
  `http://127.0.0.1:${port}/package?digest=${blob.image}&repository=${encodeURIComponent(`${host}/bench`)}&path=`

/** The program, and its port. */
export interface Program extends Server {
  readonly port: number
}

/** The built program in a process of its own. */
export const program = (options: {
  readonly name: string
  readonly work: string
  readonly host: string
  readonly executable?: string
  /** All of its variables; this process's own unless told. */
  readonly env?: Readonly<Record<string, string>>
}): Effect.Effect<Program, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { args, cacheDirectory, command, log, port } = yield* launch({ ...options, hosts: [options.host] })
    const pid = yield* start({ command, args, port, log, env: options.env })
    return {
      name: "registry-packages-proxy",
      pid,
      port,
      url: (blob) => packageUrl(port, options.host, blob),
      empty: Effect.promise(async () => {
        const blobs = join(cacheDirectory, "blobs")
        for (let names = readdirSync(blobs); names.length > 0; names = readdirSync(blobs)) {
          // A client has the last byte before the file has its name.
          for (const name of names) if (!name.startsWith("ingest-")) rmSync(join(blobs, name))
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      })
    }
  })

/** `node:http` with the program's read loop (two buffers of 512 KiB), or another. */
export const bareNode = (options: {
  readonly blobs: ReadonlyArray<Blob>
  readonly work: string
  readonly bufferSize: number
  readonly buffers: number
  /** Over `node:https`. */
  readonly tls?: Nginx.Pair
}): Effect.Effect<Server, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { blobs, buffers, bufferSize, tls, work } = options
    const scheme = tls === undefined ? "http" : "https"
    const port = yield* freePort
    const kib = `${bufferSize / 1024} KiB`
    const name = `bare node:${scheme}, ${buffers === 1 ? `readSync ${kib}` : `${buffers} x ${kib}`}`
    const pair = tls === undefined ? [] : [`--certificate=${tls.certificate}`, `--key=${tls.key}`]
    const files = blobs.map(({ file }) => file)
    const args = [bareServer, ...pair, port, bufferSize, buffers, ...files].map(String)
    const pid = yield* start({ command: process.execPath, args, port, log: join(work, `bare-${port}.log`) })
    return {
      name,
      pid,
      url: (blob) => `${scheme}://127.0.0.1:${port}/${blobs.indexOf(blob)}`,
      empty: Effect.void
    }
  })

/** Debian's docker-registry (distribution) as a pull-through cache. */
export const distribution = (options: {
  readonly upstream: string
  readonly work: string
}): Effect.Effect<Server, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const home = join(options.work, "distribution")
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
      url: (blob) => `http://127.0.0.1:${port}/v2/bench/blobs/${blob.digest}`,
      empty: Effect.sync(() => rmSync(join(storage, "docker"), { recursive: true, force: true }))
    }
  })

/** The origin itself: what a download costs without anything in between. */
export const direct = (origin: Origin, host: string): Server => ({
  name: "direct from the registry",
  pid: origin.pid,
  url: (blob) => `http://${host}/v2/bench/blobs/${blob.digest}`,
  empty: Effect.void
})
