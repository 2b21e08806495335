/** A request and its response, from the access log of a registry. */
export interface AccessLogEntry {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly bytes: number
  readonly userAgent: string
}

// The combined log format, which is Distribution's default.
const pattern = /"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d{3}) (\d+) "[^"]*" "([^"]*)"/

/** Parses the log lines of a registry and returns the requests in them. Skips lines that are not about a request. */
export const parse = (lines: ReadonlyArray<string>): ReadonlyArray<AccessLogEntry> =>
  lines.flatMap((line) => {
    const [, method = "", path = "", status = "", bytes = "", userAgent = ""] = pattern.exec(line) ?? []
    return method === "" ? [] : [{ method, path, status: Number(status), bytes: Number(bytes), userAgent }]
  })

/**
 * Returns the requests for the manifest or blob with this digest, each as `METHOD manifests STATUS` or `METHOD blobs
 * STATUS`.
 */
export const requestsForDigest = (
  entries: ReadonlyArray<AccessLogEntry>,
  digest: string
): ReadonlyArray<string> =>
  entries
    .filter(({ path }) => path.endsWith(`/${digest}`))
    .map(({ method, path, status }) => `${method} ${path.split("/").at(-2) ?? ""} ${status}`)
