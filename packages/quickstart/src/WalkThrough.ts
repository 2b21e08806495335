import { Clock, Effect } from "effect"
import { HttpClient } from "effect/http"
import { type Download, download, type DownloadError, ready, settled } from "./Download.ts"
import * as CredentialsFile from "./CredentialsFile.ts"
import * as Format from "./Format.ts"
import { addressOf, bytesPerSecond, type Sample, type SampleRegistry } from "./SampleRegistry.ts"
import { Screen } from "./Screen.ts"

/** What there is to show. */
export interface Stage {
  /** `http://host:port` of the proxy. */
  readonly proxyOrigin: string
  readonly registry: SampleRegistry
  readonly credentialsPath: string
  readonly credentialsText: string
  readonly cacheDirectory: string | undefined
  /** The traces of what was done so far, where they are to be shown. */
  readonly traces: (() => string) | undefined
}

const columns = [17, 10, 22, 12, 10] as const

const row = (...cells: ReadonlyArray<string>): string =>
  `  ${cells.map((cell, index) => cell.padEnd(columns[index] ?? 0)).join("")}`.trimEnd()

const introduce = Effect.fnUntraced(function* (stage: Stage) {
  const { line, style } = yield* Screen
  const entry = (name: string, value: string, note: string) =>
    line(`  ${name.padEnd(13)} ${style("cyan", value)}  ${style("dim", note)}`)
  yield* line()
  yield* line(style("bold", "registry-packages-proxy, with a registry of its own to try it on"))
  yield* line()
  yield* entry("The proxy", stage.proxyOrigin, "what nodes ask")
  yield* entry(
    "A registry",
    stage.registry.origin,
    `embedded; wants a token, gives ${Format.bytes(bytesPerSecond)} a second`
  )
  if (stage.cacheDirectory !== undefined)
    yield* entry("The cache", stage.cacheDirectory, "removed at the end")
  yield* entry("Credentials", stage.credentialsPath, "a file for the registry above; removed at the end")
  yield* line()
  for (const text of CredentialsFile.elide(stage.credentialsText)) yield* line(style("dim", `    ${text}`))
  yield* line()
  yield* line(style("bold", "Each package twice, through the proxy:"))
  yield* line()
  yield* line(style("dim", row("package", "size", "Cache-Status", "first byte", "complete", "digest")))
})

const progress = Effect.fnUntraced(function* (label: string, size: number) {
  const { passing, style } = yield* Screen
  let shownAt = 0
  return Effect.fnUntraced(function* (received: number) {
    const now = yield* Clock.currentTimeMillis
    // Small packages are there before a bar could be read.
    if (size < 1024 * 1024 || now - shownAt < 50) return
    shownAt = now
    const fraction = received / size
    const percent = `${Math.floor(fraction * 100)} %`.padStart(5)
    yield* passing(
      `${row(label, Format.bytes(size), "").padEnd(29)}${style("green", Format.bar(fraction, 30))} ${percent}`
    )
  })
})

const show = Effect.fnUntraced(function* (label: string, size: string, result: Download) {
  const { line, style } = yield* Screen
  const { cacheStatus, firstByte, total, verified } = result
  const digest = verified ? style("green", "verified") : style("red", "WRONG")
  yield* line(row(label, size, cacheStatus, Format.duration(firstByte), Format.duration(total), digest))
})

const fetchTwice = Effect.fnUntraced(function* (proxyOrigin: string, sample: Sample) {
  const label = `${sample.name} ${sample.version}`
  const url = addressOf(proxyOrigin, sample)
  const onProgress = yield* progress(label, sample.layer.size)
  const first = yield* download(url, sample.layer, onProgress)
  yield* show(label, Format.bytes(sample.layer.size), first)
  if (first.cacheStatus.includes("stored")) yield* settled(url)
  const second = yield* download(url, sample.layer, onProgress)
  yield* show("", "", second)
  return first.verified && second.verified
})

const failed = Effect.fnUntraced(function* (sample: Sample, error: DownloadError) {
  const { line, style } = yield* Screen
  yield* line(row(`${sample.name} ${sample.version}`, style("red", error.message)))
  return false
})

/** The command that shows a package's content through the proxy; past any HTTP proxy of the shell's own. */
export const curl = (proxyOrigin: string, sample: Sample): string =>
  `curl -fsS --noproxy '*' ${Format.shellWord(addressOf(proxyOrigin, sample))} | tar -tzv`

/**
 * Shows what runs, fetches every sample twice through the proxy, and says what to try next. Answers whether every
 * download was right.
 */
export const run = Effect.fnUntraced(function* (stage: Stage) {
  const { line, style } = yield* Screen
  const { proxyOrigin, registry } = stage
  yield* introduce(stage)
  yield* ready(proxyOrigin)
  const served = yield* Effect.forEach(registry.samples, (sample) =>
    Effect.catchTag(fetchTwice(proxyOrigin, sample), "DownloadError", (error) => failed(sample, error))
  )
  yield* line()
  const [, example = registry.samples[0]] = registry.samples
  if (example !== undefined) {
    yield* line(style("bold", `Try it: what is in ${example.name}`))
    yield* line()
    yield* line(`  ${curl(proxyOrigin, example)}`)
    yield* line()
  }
  // Once this is answered, the requests above are logged: their lines do not follow the last one here.
  yield* Effect.ignore(HttpClient.get(`${proxyOrigin}/healthz`))
  if (stage.traces === undefined) {
    yield* line(`See what it did, step by step: ${style("cyan", "npm start -- --trace")}`)
  } else {
    yield* line(style("bold", "What it did, a trace a request:"))
    yield* line()
    yield* line(stage.traces())
  }
  yield* line(`Serving until Ctrl-C. ${style("dim", "Temporary files are then removed.")}`)
  return served.every((right) => right)
})
