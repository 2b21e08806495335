import type { Fault, FaultOptions, ServedOperation } from "./Fault.ts"

interface Entry {
  readonly operation: ServedOperation
  readonly faults: ReadonlyArray<Fault>
  readonly digest: string | undefined
  readonly method: string | undefined
  remaining: number
}

/**
 * The pending faults, in the order in which they were set. A request gets the faults of the first entry that matches
 * it.
 */
export class FaultSchedule {
  #entries: Array<Entry> = []

  /** Appends an entry. Each matching request gets all of `faults` together. */
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

  /** Returns the faults of a request, and reduces the remaining count of their entry. */
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
