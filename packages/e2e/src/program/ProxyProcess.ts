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
  /** The executable for this machine. */
  executable: executable(architecture),
  /** The executables by architecture. */
  executables: { amd64: executable("amd64"), arm64: executable("arm64") },
  /** The script inside the executables. */
  script: dist("main.js"),
  /** The directory with the licences of everything in the executables. */
  licences: dist("licences")
}

export interface ProxyProcessOptions {
  /** Path of a credentials file. Without it, `args` must name an API server. */
  readonly credentialsFile?: string
  /** Default: a new temporary directory. */
  readonly cacheDirectory?: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** Runs the executable, or the script with Node. Default: the executable. */
  readonly form?: "executable" | "script"
  /** Changes the command line, for instance to run the program within a memory limit. */
  readonly wrapCommand?: (
    program: string,
    args: ReadonlyArray<string>
  ) => readonly [string, ReadonlyArray<string>]
}

/** A running registry-packages-proxy. */
export interface ProxyProcess extends Daemon.Daemon {
  readonly origin: string
  /** Returns the URL of a package. */
  readonly packageUrl: (
    digest: string,
    where?: { readonly repository?: string; readonly path?: string }
  ) => string
}

/**
 * Starts the built program in an empty directory and waits until it is ready. The program gets only PATH, `env` and the
 * variables of `CollectedOutput.telemetryVariables`.
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
