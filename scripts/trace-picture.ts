/**
 * Writes docs/trace-of-a-miss.svg: the trace of one miss of the program's, over real connections to the tests' registry, which
 * wants a token and redirects to a blob store.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Duration, Effect, FileSystem, Layer, Logger, Option, Redacted } from "effect"
import { HttpServer } from "effect/http"
import { writeFileSync } from "node:fs"
import * as NodeUpstream from "../packages/registry-client/src/NodeUpstream.ts"
import { RegistryClient } from "../packages/registry-client/src/RegistryClient.ts"
import * as ListenAddress from "../packages/proxy/src/config/ListenAddress.ts"
import * as Program from "../packages/proxy/src/Program.ts"
import * as Settings from "../packages/proxy/src/config/Settings.ts"
import { FilePath } from "../packages/proxy/src/config/Flags.ts"
import type { SpanView } from "../packages/proxy/src/telemetry/SpanTree.ts"
import * as InMemoryTraces from "../packages/proxy/src/telemetry/sdk/InMemoryTraces.ts"
import { off } from "../packages/proxy/src/telemetry/TelemetrySettings.ts"
import * as CredentialStoreMock from "../packages/testkit/src/credential-store/CredentialStoreMock.ts"
import * as RegistryBlob from "../packages/testkit/src/images/RegistryBlob.ts"
import * as RegistryImage from "../packages/testkit/src/images/RegistryImage.ts"
import { TestRegistry } from "../packages/testkit/src/registry/TestRegistry.ts"

const account = { username: "user", password: "password" }

const miss = (layer: Layer.Layer<never, never, FileSystem.FileSystem>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const registry = yield* TestRegistry.make({
      auth: { _tag: "Bearer", ...account },
      redirect: { _tag: "Store" }
    })
    const image = RegistryImage.ofPackage(RegistryBlob.randomBytes(1, 30_000_000))
    yield* registry.put("some/packages", image)
    const settings: Settings.Settings = {
      ...Settings.defaults,
      listenAddress: Option.some(
        new ListenAddress.ListenAddress({ host: Option.some("127.0.0.1"), port: 0 })
      ),
      cacheDirectory: FilePath.make(yield* fs.makeTempDirectoryScoped()),
      shutdownGracePeriod: Duration.zero
    }
    const source = registry.source("some/packages", {
      credential: { _tag: "Basic", username: account.username, password: Redacted.make(account.password) }
    })
    yield* Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const url = `${HttpServer.formatAddress(address)}/package?digest=${image.digest}`
      yield* Effect.promise(() => fetch(url).then((response) => response.arrayBuffer()))
    }).pipe(
      Effect.provide(
        Program.layerServer(settings).pipe(
          Layer.provide([
            Program.layerCache(settings),
            RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer())),
            CredentialStoreMock.layer({ sources: { "": source } })
          ]),
          Layer.provideMerge(layer)
        )
      )
    )
  }).pipe(Effect.scoped)

const [rowHeight, left, width, labelWidth] = [24, 12, 560, 250]

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const colour = ({ error, name }: SpanView): string =>
  error === undefined ? (/^(?:GET|HEAD|POST)$/.test(name) ? "#7a9cc6" : "#4b7f52") : "#c2703d"

/** What stands behind a bar. */
const note = ({ attributes, durationMillis }: SpanView): string => {
  const { "http.response.status_code": status, "url.full": full } = attributes
  const url = (typeof full === "string" ? full : "").replace(/^https?:\/\/[^/]+/, "")
  const short = url.replace(/sha256:([\da-f]{6})[\da-f]+/, "sha256:$1…")
  return [`${durationMillis.toFixed(durationMillis < 10 ? 1 : 0)} ms`, status, short]
    .filter((part) => part !== undefined && part !== "")
    .join("  ")
}

const picture = (spans: ReadonlyArray<SpanView>): string => {
  const begin = Math.min(...spans.map(({ startMillis }) => startMillis))
  const end = Math.max(...spans.map(({ durationMillis, startMillis }) => startMillis + durationMillis))
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const inOrder = (span: SpanView, depth: number): ReadonlyArray<readonly [SpanView, number]> => [
    [span, depth],
    ...spans
      .filter(({ parentId }) => parentId === span.spanId)
      .toSorted((one, other) => one.startMillis - other.startMillis)
      .flatMap((child) => inOrder(child, depth + 1))
  ]
  const rows = spans
    .filter(({ parentId }) => parentId === undefined || !ids.has(parentId))
    .flatMap((root) => inOrder(root, 0))
  const scale = width / (end - begin)
  const bars = rows.map(([span, depth], index) => {
    const y = 12 + index * rowHeight
    const x = left + labelWidth + (span.startMillis - begin) * scale
    const barWidth = Math.max(2, span.durationMillis * scale)
    const isLate = x > left + labelWidth + width * 0.6
    const label = `<text x="${left + depth * 14}" y="${y + 14}">${escape(span.name)}</text>`
    const bar = `<rect x="${x.toFixed(1)}" y="${y + 3}" width="${barWidth.toFixed(1)}" height="14" rx="2" fill="${colour(span)}"/>`
    const place =
      isLate || barWidth > width * 0.6
        ? `x="${(x - 6).toFixed(1)}" text-anchor="end"`
        : `x="${(x + barWidth + 6).toFixed(1)}"`
    const inside =
      barWidth > width * 0.6 ? `x="${(x + 8).toFixed(1)}" fill="#ffffff"` : `${place} fill="#555555"`
    return `${label}${bar}<text ${inside} y="${y + 14}">${escape(note(span))}</text>`
  })
  const height = 24 + rows.length * rowHeight
  const total = left * 2 + labelWidth + width + 220
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${total}" height="${height}" viewBox="0 0 ${total} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${total}" height="${height}" fill="#ffffff"/>`,
    ...bars,
    "</svg>",
    ""
  ].join("\n")
}

NodeRuntime.runMain(
  Effect.gen(function* () {
    const memory = InMemoryTraces.make(off)
    yield* miss(memory.layer)
    writeFileSync("docs/trace-of-a-miss.svg", picture(memory.spans()))
  }).pipe(Effect.provide([Logger.layer([]), NodeServices.layer]))
)
