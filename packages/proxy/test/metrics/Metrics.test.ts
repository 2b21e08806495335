import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect, Layer, Logger, Option } from "effect"
import * as InMemoryTraces from "../../src/telemetry/sdk/InMemoryTraces.ts"
import { off } from "../../src/telemetry/TelemetrySettings.ts"
import { bytes, start, type Started, withPlatform } from "../http/ProxyHarness.ts"

const prefix = "registry_packages_proxy"

const scrape = (proxy: Started, accept?: string) =>
  Effect.map(
    proxy.request("/metrics", accept === undefined ? {} : { headers: { accept } }),
    ({ body, headers }) => ({ type: headers["content-type"], lines: body.toString().split("\n") })
  )

/** Returns the series whose names begin with `name`, with their labels but without values. */
const seriesOf = (lines: ReadonlyArray<string>, name = ""): ReadonlyArray<string> =>
  lines.flatMap((line) =>
    line.startsWith("#") || !line.startsWith(name) || line === "" ? [] : [line.split(" ")[0] ?? ""]
  )

const openMetrics =
  "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

describe("metrics", () => {
  it.effect("have seconds to the first byte and to the end, and bytes, by cache result", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(bytes(300_000))
        const proxy = yield* start({ images: [image] })
        yield* proxy.package(image.digest)
        // The response ends before the fill commits.
        yield* settle
        yield* proxy.package(image.digest)
        yield* proxy.package("nonsense")
        const { lines } = yield* scrape(proxy)
        const value = (series: string) => lines.find((line) => line.startsWith(`${series} `))?.split(" ")[1]
        for (const cache of ["miss", "hit", "none"]) {
          const labels = `{cache="${cache}"}`
          assert.strictEqual(value(`${prefix}_request_first_byte_seconds_count${labels}`), "1")
          assert.strictEqual(
            value(`${prefix}_request_seconds_count{handler="package",cache="${cache}"}`),
            "1"
          )
          if (cache !== "none") assert.strictEqual(value(`${prefix}_response_bytes_total${labels}`), "300000")
        }
        assert.strictEqual(value(`${prefix}_cache_fill_seconds_count`), "1")
        assert.strictEqual(value(`${prefix}_ready`), "1")
        assert.isTrue(seriesOf(lines, `${prefix}_build_info{version="`).length === 1)
        for (const name of [
          "process_cpu_seconds_total",
          "process_resident_memory_bytes",
          "process_start_time_seconds"
        ]) {
          assert.isAbove(Number(value(name)), 0, name)
        }
        const buckets = seriesOf(lines, `${prefix}_request_first_byte_seconds_bucket{cache="hit"`)
        assert.include(buckets[0], 'le="0.001"')
        assert.include(buckets.at(-2), 'le="600"')
      })
    )
  )

  it.effect("are in OpenMetrics format if preferred, with an exemplar in each bucket", () => {
    const memory = InMemoryTraces.make(off)
    return withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(bytes(1000))
        const proxy = yield* start({ images: [image] })
        const traceId = "0af7651916cd43dd8448eb211c80319c"
        yield* proxy.package(image.digest, { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } })
        const { lines, type } = yield* scrape(proxy, openMetrics)
        assert.strictEqual(type, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        assert.include(lines, `# TYPE ${prefix}_requests counter`)
        assert.deepStrictEqual(lines.slice(-2), ["# EOF", ""])
        const bucket = lines.find((line) =>
          line.startsWith(`${prefix}_request_first_byte_seconds_bucket{cache="miss",le="0.001"}`)
        )
        assert.match(bucket ?? "", new RegExp(` \\d # \\{trace_id="${traceId}"\\} 0 0\\.000$`))
        assert.isTrue(lines.some((line) => line.includes('le="1.0"')))
        assert.isFalse(lines.some((line) => line.includes('le="1"')))
        for (const accept of ["text/plain", "*/*", `${openMetrics.replace("q=0.6", "q=0.1")}`]) {
          const { type } = yield* scrape(proxy, accept)
          assert.strictEqual(type, "text/plain; version=0.0.4; charset=utf-8")
        }
      })
    ).pipe(
      Effect.provide(Layer.provideMerge(Layer.merge(memory.layer, Logger.layer([])), NodeServices.layer))
    )
  })

  it.effect("get no label value from a client", () =>
    withPlatform(
      Effect.gen(function* () {
        const image = RegistryImage.ofPackage(bytes(300))
        const proxy = yield* start({ images: [image] })
        const marker = "h0stile"
        yield* Effect.forEach(
          ["GET", "HEAD", "POST", "BREW", "PROPFIND", "LINK"],
          (method) =>
            Effect.forEach(
              [
                `/${marker}`,
                `/package?digest=${marker}`,
                `/package?digest=${image.digest}&repository=${marker}.example/${marker}&path=${marker}`,
                `/package?digest=sha256:${"0".repeat(64)}&x=${marker}`,
                `/metrics?${marker}`,
                `/healthz/${marker}`
              ],
              (path) =>
                Effect.ignore(
                  proxy.request(path, {
                    method,
                    headers: {
                      "user-agent": marker,
                      traceparent: marker,
                      accept: marker,
                      [`x-${marker}`]: marker
                    }
                  })
                )
            ),
          { discard: true }
        )
        const { lines } = yield* scrape(proxy)
        assert.notInclude(lines.join("\n"), marker)
        // The allowed values of each label.
        const fixed: Readonly<Record<string, RegExp>> = {
          handler: /^(?:package|healthz|readyz|metrics|unknown)$/,
          method: /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|other)$/,
          code: /^(?:[1-5]\d\d)$/,
          cache: /^(?:hit|memory|miss|collapsed|bypass|none)$/,
          result: /^(?:hit|memory|miss|collapsed|bypass|accepted|refused|undecided|allowed|denied)$/
        }
        for (const series of seriesOf(lines, prefix)) {
          for (const [, name = "", value = ""] of series.matchAll(/(\w+)="([^"]*)"/g)) {
            const accepted = Option.fromUndefinedOr(fixed[name])
            if (Option.isSome(accepted)) assert.match(value, accepted.value, series)
          }
        }
        const before = seriesOf(lines).length
        yield* proxy.request(`/${marker}?again`, { method: "PURGE" })
        assert.strictEqual(seriesOf((yield* scrape(proxy)).lines).length, before)
      })
    )
  )
})
