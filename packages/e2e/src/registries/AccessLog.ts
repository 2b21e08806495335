/** A request as a registry logged it. */
export interface AccessLogEntry {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly bytes: number
  readonly agent: string
}

// The combined log format, in which distribution's registry logs by default.
const pattern = /"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d{3}) (\d+) "[^"]*" "([^"]*)"/

/** The requests among the lines of a registry's log, which has other lines too. */
export const parse = (lines: ReadonlyArray<string>): ReadonlyArray<AccessLogEntry> =>
  lines.flatMap((line) => {
    const [, method = "", path = "", status = "", bytes = "", agent = ""] = pattern.exec(line) ?? []
    return method === "" ? [] : [{ method, path, status: Number(status), bytes: Number(bytes), agent }]
  })

/** The requests for one manifest or blob, in short. */
export const requestsFor = (entries: ReadonlyArray<AccessLogEntry>, digest: string): ReadonlyArray<string> =>
  entries
    .filter(({ path }) => path.endsWith(`/${digest}`))
    .map(({ method, path, status }) => `${method} ${path.split("/").at(-2) ?? ""} ${status}`)
