import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Container from "@registry-packages-proxy/e2e/image/Container"
import { Effect, type Scope } from "effect"
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { RegistryPackage } from "./RegistryPackage.ts"
import { freePort, type MeasuredServer, start as startServer } from "./MeasuredServer.ts"

/** The directory that `npm run build` writes. */
const built = fileURLToPath(new URL("../../../proxy/dist/", import.meta.url))

/** Copies the built files into `workDirectory`, so that a later build has no effect on the run. */
export const copyBuild = (workDirectory: string): void => {
  for (const file of ["main.js", "registry-packages-proxy"])
    copyFileSync(join(built, file), join(workDirectory, file))
}

/** The forms in which the program is shipped. */
export const shippedForms = ["script", "executable", "image"] as const
export type ShippedForm = (typeof shippedForms)[number]

/** The command line and the paths of one start of the program. */
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
  /** Default: `executable`. */
  readonly form?: ShippedForm | undefined
  /** Path of an executable to start instead of the built one. */
  readonly executable?: string | undefined
  /** Directory with the image's files. The form `image` requires it. */
  readonly imageRoot?: string | undefined
}

/** Returns the command line of a form. `cache` and `credentials` are directories. */
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
 * Creates a directory and a credentials file for one start of the program, and returns its command line. The file has a
 * ModuleSource for each of the `hosts`.
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

/** Returns the program's URL for the package of `wanted` in the registry `host`. */
export const packageUrl = (port: number, host: string, wanted: RegistryPackage): string =>
  `http://127.0.0.1:${port}/package?digest=${wanted.manifestDigest}&repository=${encodeURIComponent(`${host}/bench`)}&path=`

/** The running program. `port` is the port without TLS. */
export interface ProxyProgram extends MeasuredServer {
  readonly port: number
}

/** Starts the built program. Its only ModuleSource names the registry at `host` (host and port). */
export const start = (options: {
  readonly name: string
  readonly workDirectory: string
  readonly host: string
  readonly executable?: string
  /** All environment variables of the program. Default: the variables of the benchmark. */
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
