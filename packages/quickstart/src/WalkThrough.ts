import { Clock, Effect } from "effect"
import { HttpClient } from "effect/http"
import {
  awaitCached,
  awaitReady,
  download,
  type DownloadError,
  type MeasuredDownload
} from "./ProxyClient.ts"
import * as SampleCredentials from "./SampleCredentials.ts"
import * as Format from "./Format.ts"
import { maxBytesPerSecond, packageUrl, type Sample, type SampleRegistry } from "./SampleRegistry.ts"
import { Screen } from "./Screen.ts"

/** The running proxy and registry that the walk-through shows. */
export interface WalkThroughOptions {
  /** The origin of the proxy, as `http://host:port`. */
  readonly proxyOrigin: string
  readonly registry: SampleRegistry
  readonly credentialsPath: string
  readonly credentialsText: string
  /**
   * The proxy's cache directory if it is temporary. Undefined if there is no cache or the user has chosen its
   * directory.
   */
  readonly cacheDirectory: string | undefined
  /** Returns all recorded traces as text. Undefined without the flag `--trace`. */
  readonly traces: (() => string) | undefined
}

const columns = [17, 10, 22, 12, 10] as const

const row = (...cells: ReadonlyArray<string>): string =>
  `  ${cells.map((cell, index) => cell.padEnd(columns[index] ?? 0)).join("")}`.trimEnd()

const introduce = Effect.fnUntraced(function* (options: WalkThroughOptions) {
  const { line, style } = yield* Screen
  const entry = (name: string, value: string, note: string) =>
    line(`  ${name.padEnd(13)} ${style("cyan", value)}  ${style("dim", note)}`)
  yield* line()
  yield* line(style("bold", "registry-packages-proxy with an embedded registry"))
  yield* line()
  yield* entry("Proxy", options.proxyOrigin, "serves packages to nodes")
  yield* entry(
    "Registry",
    options.registry.origin,
    `embedded; token authentication, ${Format.bytes(maxBytesPerSecond)}/s`
  )
  if (options.cacheDirectory !== undefined) yield* entry("Cache", options.cacheDirectory, "temporary")
  yield* entry("Credentials", options.credentialsPath, "temporary, for this registry")
  yield* line()
  for (const text of SampleCredentials.linesWithoutPasswords(options.credentialsText))
    yield* line(style("dim", `    ${text}`))
  yield* line()
  yield* line(style("bold", "Downloading each package twice through the proxy:"))
  yield* line()
  yield* line(style("dim", row("package", "size", "Cache-Status", "first byte", "complete", "digest")))
})

const progress = Effect.fnUntraced(function* (label: string, size: number) {
  const { progressLine, style } = yield* Screen
  let shownAt = 0
  return Effect.fnUntraced(function* (received: number) {
    const now = yield* Clock.currentTimeMillis
    // A small package arrives so fast that a progress bar would only flicker.
    if (size < 1024 * 1024 || now - shownAt < 50) return
    shownAt = now
    const fraction = received / size
    const percent = `${Math.floor(fraction * 100)} %`.padStart(5)
    yield* progressLine(
      `${row(label, Format.bytes(size), "").padEnd(29)}${style("green", Format.progressBar(fraction, 30))} ${percent}`
    )
  })
})

const show = Effect.fnUntraced(function* (label: string, size: string, result: MeasuredDownload) {
  const { line, style } = yield* Screen
  const { cacheStatus, firstByteMillis, totalMillis, isVerified } = result
  const digest = isVerified ? style("green", "verified") : style("red", "WRONG")
  yield* line(
    row(label, size, cacheStatus, Format.duration(firstByteMillis), Format.duration(totalMillis), digest)
  )
})

const fetchTwice = Effect.fnUntraced(function* (proxyOrigin: string, sample: Sample) {
  const label = `${sample.name} ${sample.version}`
  const url = packageUrl(proxyOrigin, sample)
  const onProgress = yield* progress(label, sample.layer.size)
  const first = yield* download(url, sample.layer, onProgress)
  yield* show(label, Format.bytes(sample.layer.size), first)
  if (first.cacheStatus.includes("stored")) yield* awaitCached(url)
  const second = yield* download(url, sample.layer, onProgress)
  yield* show("", "", second)
  return first.isVerified && second.isVerified
})

const failed = Effect.fnUntraced(function* (sample: Sample, error: DownloadError) {
  const { line, style } = yield* Screen
  yield* line(row(`${sample.name} ${sample.version}`, style("red", error.message)))
  return false
})

/**
 * Returns a shell command that downloads a sample package from the proxy and lists its files. The command bypasses HTTP
 * proxies, which the shell's environment may name.
 */
export const curlCommand = (proxyOrigin: string, sample: Sample): string =>
  `curl -fsS --noproxy '*' ${Format.quoteShellWord(packageUrl(proxyOrigin, sample))} | tar -tzv`

/**
 * Prints the walk-through. It introduces the proxy and its registry, downloads every sample twice, and suggests the
 * next step. Returns true if every download was verified. A failed download is printed, and the walk-through continues.
 */
export const run = Effect.fnUntraced(function* (options: WalkThroughOptions) {
  const { line, style } = yield* Screen
  const { proxyOrigin, registry } = options
  yield* introduce(options)
  yield* awaitReady(proxyOrigin)
  const served = yield* Effect.forEach(registry.samples, (sample) =>
    Effect.catchTag(fetchTwice(proxyOrigin, sample), "DownloadError", (error) => failed(sample, error))
  )
  yield* line()
  const [, example = registry.samples[0]] = registry.samples
  if (example !== undefined) {
    yield* line(style("bold", `Try it: list the files of ${example.name}`))
    yield* line()
    yield* line(`  ${curlCommand(proxyOrigin, example)}`)
    yield* line()
  }
  // The proxy writes the log lines of earlier requests before it answers this request. So no log line follows the last
  // line that is printed here.
  yield* Effect.ignore(HttpClient.get(`${proxyOrigin}/healthz`))
  if (options.traces === undefined) {
    yield* line(`Show every step of each request: ${style("cyan", "npm start -- --trace")}`)
  } else {
    yield* line(style("bold", "The trace of each request:"))
    yield* line()
    yield* line(options.traces())
  }
  yield* line(`Serving until Ctrl-C. ${style("dim", "Temporary files are removed then.")}`)
  return served.every((isVerified) => isVerified)
})
