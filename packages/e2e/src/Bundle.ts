import { Effect, FileSystem, Option, Path } from "effect"
import { HttpClient } from "effect/http"
import { fileURLToPath } from "node:url"
import * as Daemon from "./Daemon.ts"
import type { MemoryLimit } from "./MemoryLimit.ts"
import * as Poll from "./Poll.ts"

/** What `npm run build` makes. */
export const built = fileURLToPath(new URL("../../proxy/dist/main.js", import.meta.url))

export interface BundleOptions {
  /** Without, `args` name an API server. */
  readonly credentialsFile?: string
  /** One of its own unless told. */
  readonly cacheDirectory?: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly memoryLimit?: MemoryLimit
}

/** The program, running from one file that has nothing beside it. */
export interface Bundle extends Daemon.Daemon {
  readonly origin: string
  /** Where a package is had. */
  readonly url: (digest: string, where?: { readonly repository?: string; readonly path?: string }) => string
}

/** Starts the built bundle under this Node, with no variables but those given, and waits until it is ready. */
export const start = Effect.fnUntraced(function* (options: BundleOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-bundle-" })
  const cacheDirectory = Option.getOrElse(Option.fromUndefinedOr(options.cacheDirectory), () =>
    path.join(directory, "cache")
  )
  const lone = path.join(directory, "lone")
  yield* fs.makeDirectory(lone)
  yield* fs.copyFile(built, path.join(lone, "main.js"))
  const args = [
    "--disable-sigusr1",
    "main.js",
    "--listen-address=127.0.0.1:0",
    ...(options.credentialsFile === undefined ? [] : [`--credentials-file=${options.credentialsFile}`]),
    `--cache-directory=${cacheDirectory}`,
    ...(options.args ?? [])
  ]
  const command = options.memoryLimit?.command(process.execPath, args) ?? [process.execPath, args]
  const daemon = yield* Daemon.start("registry-packages-proxy", ...command, {
    cwd: lone,
    ...(options.env === undefined ? {} : { env: options.env })
  })
  const [, origin = ""] = yield* daemon.line(/Listening on (http:\/\/127\.0\.0\.1:\d+)/)
  yield* Poll.untilTrue(
    "200 from /readyz",
    Effect.map(HttpClient.get(`${origin}/readyz`), ({ status }) => status === 200)
  )
  const bundle: Bundle = {
    ...daemon,
    origin,
    // As the bootstrap clients write it: always all three.
    url: (digest, { path = "", repository = "" } = {}) =>
      `${origin}/package?digest=${digest}&repository=${repository}&path=${path}`
  }
  return bundle
})
