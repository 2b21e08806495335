import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Container from "@registry-packages-proxy/e2e/image/Container"
import { Effect, type Scope } from "effect"
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Blob } from "./Blob.ts"
import { freePort, type MeasuredServer, start as startServer } from "./MeasuredServer.ts"

/** The directory of `npm run build`. */
const built = fileURLToPath(new URL("../../../proxy/dist/", import.meta.url))

/** Copies the built files, so that a build during the run changes nothing. */
export const copyBuild = (workDirectory: string): void => {
  for (const file of ["main.js", "registry-packages-proxy"])
    copyFileSync(join(built, file), join(workDirectory, file))
}

/** The forms in which the program is shipped. */
export const forms = ["script", "executable", "image"] as const
export type Form = (typeof forms)[number]

/** The command line and the paths for one start of the program. */
export interface Launch {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly port: number
  readonly log: string
  readonly cacheDirectory: string
}

interface LaunchOptions {
  readonly name: string
  readonly workDirectory: string
  readonly hosts: ReadonlyArray<string>
  /** Default: the executable. */
  readonly form?: Form | undefined
  /** Another executable than the built one. */
  readonly executable?: string | undefined
  /** Directory of the image's files, for that form. */
  readonly imageRoot?: string | undefined
}

/** The command line of a form; `cache` and `credentials` are directories. */
const commandOf = (
  { executable, form, imageRoot, workDirectory }: LaunchOptions,
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
    const script = ["--disable-sigusr1", join(workDirectory, "main.js")]
    return Effect.succeed([process.execPath, [...script, ...flags(cache, credentials)]])
  }
  if (imageRoot === undefined) {
    return Effect.succeed([
      executable ?? join(workDirectory, "registry-packages-proxy"),
      flags(cache, credentials)
    ])
  }
  mkdirSync(cache, { recursive: true })
  const args = flags("/cache", "/credentials")
  return Container.command({ root: imageRoot, cache, credentials, user: 64535, args }).pipe(
    Effect.provide(NodeServices.layer)
  )
}

/** The command line of a start with new directories, and a ModuleSource for each host. */
export const launch = (options: LaunchOptions): Effect.Effect<Launch, Error> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const home = join(options.workDirectory, `program-${options.name}`)
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
  `http://127.0.0.1:${port}/package?digest=${blob.manifestDigest}&repository=${encodeURIComponent(`${host}/bench`)}&path=`

/** A running registry-packages-proxy. */
export interface ProxyProgram extends MeasuredServer {
  readonly port: number
}

/** Starts the built program. */
export const start = (options: {
  readonly name: string
  readonly workDirectory: string
  readonly host: string
  readonly executable?: string
  /** All of its variables; default: those of this process. */
  readonly env?: Readonly<Record<string, string>>
}): Effect.Effect<ProxyProgram, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { args, cacheDirectory, command, log, port } = yield* launch({ ...options, hosts: [options.host] })
    const pid = yield* startServer({ command, args, port, log, env: options.env })
    return {
      name: "registry-packages-proxy",
      pid,
      port,
      url: (blob) => packageUrl(port, options.host, blob),
      empty: Effect.promise(async () => {
        const blobs = join(cacheDirectory, "blobs")
        for (let names = readdirSync(blobs); names.length > 0; names = readdirSync(blobs)) {
          // A client receives the last byte before the file has its name.
          for (const name of names) if (!name.startsWith("ingest-")) rmSync(join(blobs, name))
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      })
    }
  })
