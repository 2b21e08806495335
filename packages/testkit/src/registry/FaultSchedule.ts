import type { Fault, FaultOptions, ServedOperation } from "./Fault.ts"

interface Entry {
  readonly operation: ServedOperation
  readonly faults: ReadonlyArray<Fault>
  readonly digest: string | undefined
  readonly method: string | undefined
  remaining: number
}

/**
 * The pending faults of a test registry. Each `add` appends one entry. A request gets the faults of the first entry
 * that matches the request and has affected fewer than `times` requests.
 */
export class FaultSchedule {
  #entries: Array<Entry> = []

  /** Appends an entry. Each of the next `times` matching requests (default: 1) gets all of `faults` together. */
  add(operation: ServedOperation, faults: Fault | ReadonlyArray<Fault>, options: FaultOptions = {}): void {
    const { digest, method, times = 1 } = options
    this.#entries.push({
      operation,
      faults: "_tag" in faults ? [faults] : faults,
      digest,
      method,
      remaining: times === "always" ? Infinity : times
    })
  }

  /**
   * Finds the first entry that matches a request, reduces the entry's `remaining` by one, and returns the entry's
   * faults. Returns an empty array if no entry matches.
   */
  next(operation: ServedOperation, digest: string | undefined, method: string): ReadonlyArray<Fault> {
    const entry = this.#entries.find(
      (entry) =>
        entry.operation === operation &&
        entry.remaining > 0 &&
        (entry.digest === undefined || entry.digest === digest) &&
        (entry.method === undefined || entry.method === method)
    )
    if (entry === undefined) return []
    entry.remaining--
    return entry.faults
  }

  clear(): void {
    this.#entries = []
  }
}
