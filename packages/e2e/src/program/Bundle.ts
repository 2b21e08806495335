import type { Architecture } from "@registry-packages-proxy/deploy/image/Architecture"
import { Effect, FileSystem, Option, Path } from "effect"
import { HttpClient } from "effect/http"
import { fileURLToPath } from "node:url"
import * as Daemon from "../machine/Daemon.ts"
import * as Poll from "../machine/Poll.ts"

const dist = (name: string): string => fileURLToPath(new URL(`../../../proxy/dist/${name}`, import.meta.url))

const architecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64"

const executable = (wanted: Architecture): string =>
  dist(`registry-packages-proxy${wanted === architecture ? "" : `-linux-${wanted}`}`)

/** What `npm run build -- --arch amd64,arm64` makes. */
export const built = {
  /** That of this machine. */
  architecture,
  /** The executable for this machine, and those for each. */
  executable: executable(architecture),
  executables: { amd64: executable("amd64"), arm64: executable("arm64") },
  /** The script that is in them. */
  script: dist("main.js"),
  /** The licences of what is in them. */
  licences: dist("licences")
}

export interface BundleOptions {
  /** Without, `args` name an API server. */
  readonly credentialsFile?: string
  /** One of its own unless told. */
  readonly cacheDirectory?: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** The executable, unless told. */
  readonly form?: "executable" | "script"
  /** The command that runs the program and its arguments, such as one that limits its memory. */
  readonly command?: (
    program: string,
    args: ReadonlyArray<string>
  ) => readonly [string, ReadonlyArray<string>]
}

/** The program, running from one file. */
export interface Bundle extends Daemon.Daemon {
  readonly origin: string
  /** Where a package is had. */
  readonly url: (digest: string, where?: { readonly repository?: string; readonly path?: string }) => string
}

/** Starts the program as it was built, with no variables but those given and nothing beside it, and waits until it is ready. */
export const start = Effect.fnUntraced(function* (options: BundleOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-bundle-" })
  const cacheDirectory = Option.getOrElse(Option.fromUndefinedOr(options.cacheDirectory), () =>
    path.join(directory, "cache")
  )
  const lone = path.join(directory, "lone")
  yield* fs.makeDirectory(lone)
  if (options.form === "script") yield* fs.copyFile(built.script, path.join(lone, "main.js"))
  const [program, first] =
    options.form === "script" ? [process.execPath, ["--disable-sigusr1", "main.js"]] : [built.executable, []]
  const args = [
    ...first,
    "--listen-address=127.0.0.1:0",
    ...(options.credentialsFile === undefined ? [] : [`--credentials-file=${options.credentialsFile}`]),
    `--cache-directory=${cacheDirectory}`,
    ...(options.args ?? [])
  ]
  const command = options.command?.(program, args) ?? [program, args]
  const daemon = yield* Daemon.start("registry-packages-proxy", ...command, {
    cwd: lone,
    ...(options.env === undefined ? {} : { env: options.env })
  })
  const [, origin = ""] = yield* daemon.line(/"listening","url":"(http:\/\/127\.0\.0\.1:\d+)"/)
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
