/** A request in a registry's log. */
export interface AccessLogEntry {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly bytes: number
  readonly agent: string
}

// The combined log format, distribution's default.
const pattern = /"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d{3}) (\d+) "[^"]*" "([^"]*)"/

/** The requests among the lines of a registry's log. */
export const parse = (lines: ReadonlyArray<string>): ReadonlyArray<AccessLogEntry> =>
  lines.flatMap((line) => {
    const [, method = "", path = "", status = "", bytes = "", agent = ""] = pattern.exec(line) ?? []
    return method === "" ? [] : [{ method, path, status: Number(status), bytes: Number(bytes), agent }]
  })

/** The requests for one manifest or blob, as short texts. */
export const requestsFor = (entries: ReadonlyArray<AccessLogEntry>, digest: string): ReadonlyArray<string> =>
  entries
    .filter(({ path }) => path.endsWith(`/${digest}`))
    .map(({ method, path, status }) => `${method} ${path.split("/").at(-2) ?? ""} ${status}`)
