import type { Architecture } from "@registry-packages-proxy/deploy/image/Architecture"
import { Effect, FileSystem, Option, Path } from "effect"
import { HttpClient } from "effect/http"
import { fileURLToPath } from "node:url"
import * as Daemon from "../machine/Daemon.ts"
import * as CollectedOutput from "../run/CollectedOutput.ts"
import * as Eventually from "../machine/Eventually.ts"

const dist = (name: string): string => fileURLToPath(new URL(`../../../proxy/dist/${name}`, import.meta.url))

const architecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64"

const executable = (wanted: Architecture): string =>
  dist(`registry-packages-proxy${wanted === architecture ? "" : `-linux-${wanted}`}`)

/** The files that `npm run build -- --arch amd64,arm64` makes. */
export const buildOutput = {
  /** Architecture of this machine. */
  architecture,
  /** Path of the executable for this machine. */
  executable: executable(architecture),
  /** Paths of the executables, by architecture. */
  executables: { amd64: executable("amd64"), arm64: executable("arm64") },
  /** Path of the script that the executables contain. */
  script: dist("main.js"),
  /** Directory with the licences of all software in the executables. */
  licences: dist("licences")
}

export interface ProxyProcessOptions {
  /** Path of a credentials file. If absent, `args` must name an API server, for example with `--kubeconfig`. */
  readonly credentialsFile?: string
  /** Directory for the cached packages. Default: a new temporary directory. */
  readonly cacheDirectory?: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** `executable` starts the executable, and `script` starts the script with Node. Default: `executable`. */
  readonly form?: "executable" | "script"
  /** Returns another command line that runs `program` with `args`, for example within a memory limit. */
  readonly wrapCommand?: (
    program: string,
    args: ReadonlyArray<string>
  ) => readonly [string, ReadonlyArray<string>]
}

/** A running registry-packages-proxy process. */
export interface ProxyProcess extends Daemon.Daemon {
  readonly origin: string
  /** Returns the URL of the package in the image with this digest. */
  readonly packageUrl: (
    digest: string,
    where?: { readonly repository?: string; readonly path?: string }
  ) => string
}

/**
 * Starts the built registry-packages-proxy in an empty directory, and waits until /readyz responds with 200. Its
 * environment contains only PATH, `env` and the variables of `CollectedOutput.telemetryVariables`.
 */
export const start = Effect.fnUntraced(function* (options: ProxyProcessOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-proxy-" })
  const cacheDirectory = Option.getOrElse(Option.fromUndefinedOr(options.cacheDirectory), () =>
    path.join(directory, "cache")
  )
  const lone = path.join(directory, "lone")
  yield* fs.makeDirectory(lone)
  if (options.form === "script") yield* fs.copyFile(buildOutput.script, path.join(lone, "main.js"))
  const [program, first] =
    options.form === "script"
      ? [process.execPath, ["--disable-sigusr1", "main.js"]]
      : [buildOutput.executable, []]
  const args = [
    ...first,
    "--listen-address=127.0.0.1:0",
    ...(options.credentialsFile === undefined ? [] : [`--credentials-file=${options.credentialsFile}`]),
    `--cache-directory=${cacheDirectory}`,
    ...(options.args ?? [])
  ]
  const command = options.wrapCommand?.(program, args) ?? [program, args]
  const daemon = yield* Daemon.start("registry-packages-proxy", ...command, {
    cwd: lone,
    // `env` has priority, because the tests of telemetry have their own collector.
    env: { ...CollectedOutput.telemetryVariables(), ...options.env }
  })
  const [, origin = ""] = yield* daemon.waitForLine(/"listening","url":"(http:\/\/127\.0\.0\.1:\d+)"/)
  yield* Eventually.isTrue(
    "200 from /readyz",
    Effect.map(HttpClient.get(`${origin}/readyz`), ({ status }) => status === 200)
  )
  const proxy: ProxyProcess = {
    ...daemon,
    origin,
    // Contains all three parameters, even if they are empty, like the URLs of bootstrap clients.
    packageUrl: (digest, { path = "", repository = "" } = {}) =>
      `${origin}/package?digest=${digest}&repository=${repository}&path=${path}`
  }
  return proxy
})
