/**
 * Writes docs/pictures/trace-of-a-miss.svg, the trace of one request for a package that is not cached. The package
 * comes over real connections from the test registry. This registry requires a token and redirects to a blob store. The
 * times are those of this run.
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
import * as Svg from "./pictures/Svg.ts"

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

const [rowHeight, margin, labelWidth, width] = [24, 14, 190, 640]

const kindOf = ({ error, name }: SpanView): Svg.BoxKind =>
  error === undefined ? (/^(?:GET|HEAD|POST)$/.test(name) ? "ours" : "port") : "bad"

/** Returns the text of a span's bar, with the duration, status and path. */
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
  const first = margin + labelWidth
  const bars = rows.map(([span, depth], index) => {
    const y = 10 + index * rowHeight
    const x = first + (span.startMillis - begin) * scale
    const barWidth = Math.max(2, span.durationMillis * scale)
    const text = note(span)
    const [at, anchor] =
      barWidth > Svg.textWidth(text, 12) + 12
        ? ([x + 8, "start"] as const)
        : x + barWidth + Svg.textWidth(text, 12) < first + width
          ? ([x + barWidth + 6, "start"] as const)
          : ([x - 6, "end"] as const)
    return [
      Svg.text(margin + depth * 14, y + 16, span.name, { size: 12, anchor: "start" }),
      Svg.box(x, y + 3, barWidth, 18, kindOf(span)),
      Svg.text(at, y + 16, text, { size: 12, anchor, muted: true })
    ].join("")
  })
  return Svg.picture(
    margin * 2 + labelWidth + width,
    20 + rows.length * rowHeight,
    {
      title: "The trace of a miss",
      description:
        "Spans as bars over time: the request, cache.open, cache.fill, the manifest with its token, and the blob."
    },
    bars
  )
}

NodeRuntime.runMain(
  Effect.gen(function* () {
    const memory = InMemoryTraces.make(off)
    yield* miss(memory.layer)
    writeFileSync("docs/pictures/trace-of-a-miss.svg", picture(memory.spans()))
  }).pipe(Effect.provide([Logger.layer([]), NodeServices.layer]))
)
