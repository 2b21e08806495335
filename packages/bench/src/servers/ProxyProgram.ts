import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Container from "@registry-packages-proxy/e2e/image/Container"
import { Effect, type Scope } from "effect"
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { RegistryPackage } from "./RegistryPackage.ts"
import { freePort, type MeasuredServer, start as startServer } from "./MeasuredServer.ts"

/** The directory into which `npm run build` writes. */
const built = fileURLToPath(new URL("../../../proxy/dist/", import.meta.url))

/**
 * Copies the built script and executable into `workDirectory`, so that a later build does not affect this run of the
 * benchmark.
 */
export const copyBuild = (workDirectory: string): void => {
  for (const file of ["main.js", "registry-packages-proxy"])
    copyFileSync(join(built, file), join(workDirectory, file))
}

/**
 * The forms in which registry-packages-proxy is shipped. `script` is main.js, `executable` is a single file with Node
 * in it, and `image` is a container image.
 */
export const shippedForms = ["script", "executable", "image"] as const
export type ShippedForm = (typeof shippedForms)[number]

/** The command line for one start of registry-packages-proxy, with its port and the paths that it uses. */
export interface PreparedLaunch {
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
  /** The form of registry-packages-proxy to start. Default: `executable`. */
  readonly form?: ShippedForm | undefined
  /** Path of an executable to start instead of the executable that `npm run build` made. */
  readonly executable?: string | undefined
  /** Directory with the files of the container image. Must be set if, and only if, `form` is `image`. */
  readonly imageRoot?: string | undefined
}

/**
 * Returns the command line that starts the script, the executable or the image of registry-packages-proxy. `cache` and
 * `credentials` are directories.
 */
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
  return Container.runCommand({
    imageRoot,
    cacheDirectory: cache,
    credentialsDirectory: credentials,
    user: 64535,
    args
  }).pipe(Effect.provide(NodeServices.layer))
}

/**
 * Creates a directory with a credentials file for one start of registry-packages-proxy, and returns the command line
 * for this start. The file has a ModuleSource for each registry in `options.hosts`.
 */
export const prepareLaunch = (options: LaunchOptions): Effect.Effect<PreparedLaunch, Error> =>
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

/** Returns the URL at which registry-packages-proxy serves the package `wanted` from the registry at `host`. */
export const packageUrl = (port: number, host: string, wanted: RegistryPackage): string =>
  `http://127.0.0.1:${port}/package?digest=${wanted.manifestDigest}&repository=${encodeURIComponent(`${host}/bench`)}&path=`

/** A running registry-packages-proxy. `port` is its port for plain HTTP. */
export interface ProxyProgram extends MeasuredServer {
  readonly port: number
}

/**
 * Starts the executable of registry-packages-proxy, with plain HTTP only. Its only ModuleSource names the registry at
 * `host` (host and port).
 */
export const start = (options: {
  readonly name: string
  readonly workDirectory: string
  readonly host: string
  readonly executable?: string
  /** The complete environment of the process. By default, the process inherits the benchmark's environment. */
  readonly env?: Readonly<Record<string, string>>
}): Effect.Effect<ProxyProgram, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { args, cacheDirectory, command, log, port } = yield* prepareLaunch({
      ...options,
      hosts: [options.host]
    })
    const pid = yield* startServer({ command, args, port, log, env: options.env })
    return {
      name: "registry-packages-proxy",
      pid,
      port,
      url: (wanted) => packageUrl(port, options.host, wanted),
      emptyCache: Effect.promise(async () => {
        const blobs = join(cacheDirectory, "blobs")
        for (let names = readdirSync(blobs); names.length > 0; names = readdirSync(blobs)) {
          // `ingest-N` is a file that is still being stored, although a client may have its last byte. The loop waits
          // until the file has its final name.
          for (const name of names) if (!name.startsWith("ingest-")) rmSync(join(blobs, name))
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      })
    }
  })
