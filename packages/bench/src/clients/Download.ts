import { Effect } from "effect"
import { execFile } from "node:child_process"

/** One download, as measured by curl. */
export interface Download {
  readonly seconds: number
  /** Seconds from the start of the transfer to the first byte of the response. Includes the time to connect. */
  readonly firstByteSeconds: number
  readonly bytes: number
  readonly connections: number
}

const format = "%{time_total} %{time_starttransfer} %{size_download} %{http_code} %{num_connects}\\n"

/**
 * The request header with credentials for registry-packages-proxy and kube-rbac-proxy. Other servers ignore this
 * header.
 */
const authorization = "Authorization: Bearer bench"

const tls13 = ["--tlsv1.3", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256"]
const curlTls = ["-k", "--http1.1", ...tls13, "-H", authorization]

const isSecure = (url: string): boolean => url.startsWith("https:")

/**
 * Downloads `url` with curl. `times` is the number of downloads. The downloads are in sequence, on one connection.
 * Returns one measurement per download. Fails if curl fails or a status is not 200.
 */
export const download = (url: string, times = 1): Effect.Effect<ReadonlyArray<Download>, Error> =>
  Effect.callback((resume) => {
    const targets = Array.from({ length: times }, () => ["-o", "/dev/null", url]).flat()
    const child = execFile(
      "curl",
      ["-sS", "-g", ...(isSecure(url) ? curlTls : []), "-w", format, ...targets],
      (error, stdout, stderr) => {
        if (error !== null) return resume(Effect.fail(new Error(`curl ${url}: ${stderr}`)))
        const lines = stdout
          .trim()
          .split("\n")
          .map((line) => line.split(" ").map(Number))
        const failed = lines.find(([, , , code]) => code !== 200)
        if (failed !== undefined) return resume(Effect.fail(new Error(`${url}: status ${failed[3]}`)))
        resume(
          Effect.succeed(
            lines.map(([seconds = 0, firstByteSeconds = 0, bytes = 0, , connections = 0]) => ({
              seconds,
              firstByteSeconds,
              bytes,
              connections
            }))
          )
        )
      }
    )
    return Effect.sync(() => {
      child.kill()
    })
  })

/** The result of one run of wrk. `errors` counts failed requests and responses with an error status. */
export interface WrkResult {
  readonly requestsPerSecond: number
  readonly errors: number
  /** The lines of wrk's output that report errors. */
  readonly errorLines: string
  /** Median time of a request, in seconds. */
  readonly p50: number
  /** 99th percentile of the request times, in seconds. */
  readonly p99: number
}

const units: Readonly<Record<string, number>> = { us: 1e-6, ms: 1e-3, s: 1 }

const duration = (text: string | undefined): number => {
  const [, value = "0", unit = "s"] = /^([\d.]+)(us|ms|s)$/.exec(text ?? "") ?? []
  return Number(value) * (units[unit] ?? 1)
}

/**
 * Requests `url` with wrk for `seconds` seconds, on each connection as fast as the server answers. Fails if wrk fails.
 * Errors of single requests are counted in the result.
 */
export const runWrk = (url: string, connections: number, seconds: number): Effect.Effect<WrkResult, Error> =>
  Effect.callback((resume) => {
    const args = [
      "-t1",
      `-c${connections}`,
      `-d${seconds}s`,
      "--latency",
      ...(isSecure(url) ? ["-H", authorization] : []),
      url
    ]
    const child = execFile("wrk", args, (error, stdout, stderr) => {
      const perSecond = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]
      if (error !== null || perSecond === undefined) {
        return resume(Effect.fail(new Error(`wrk ${url}: ${stderr}${stdout}`)))
      }
      const bad = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? "0"
      const [, ...broken] = /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout) ?? []
      resume(
        Effect.succeed({
          requestsPerSecond: Number(perSecond),
          errors: [bad, ...broken].reduce((sum, count) => sum + Number(count), 0),
          errorLines: (stdout.match(/^ *(?:Socket errors|Non-2xx).*$/gm) ?? []).join(",").trim(),
          p50: duration(/50%\s+(\S+)/.exec(stdout)?.[1]),
          p99: duration(/99%\s+(\S+)/.exec(stdout)?.[1])
        })
      )
    })
    return Effect.sync(() => {
      child.kill()
    })
  })
