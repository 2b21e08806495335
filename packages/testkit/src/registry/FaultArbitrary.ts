import type { SystemErrorTag } from "effect/PlatformError"
import type { Latch } from "effect"
import * as fc from "fast-check"
import type { DelayHeaders, Fault, ServedOperation, Stall } from "./Fault.ts"
import type { FileFault, FileOperation } from "../blob-store/FaultyFileSystem.ts"

/** A fault as plain data. It has no latches, because latches exist only while a test runs. */
export type PlannedFault =
  | Exclude<Fault, Stall | DelayHeaders>
  | { readonly _tag: "Stall"; readonly after: number }
  | { readonly _tag: "DelayHeaders" }

/** Converts a planned fault to a `Fault`. A `Stall` or `DelayHeaders` ends when the latch `until` opens. */
export const toFault = (planned: PlannedFault, until: Latch.Latch): Fault =>
  planned._tag === "Stall" || planned._tag === "DelayHeaders" ? { ...planned, until } : planned

/** A fault as plain data. The fault affects the next `times` requests of `operation`. */
export interface FaultPlan {
  readonly operation: ServedOperation
  readonly fault: PlannedFault
  readonly times: number | "always"
}

const retryAfter = fc.constantFrom<Readonly<Record<string, string>>>(
  {},
  { "retry-after": "1" },
  { "retry-after": "40" },
  { "retry-after": "100000" },
  { "retry-after": "Thu, 01 Jan 1970 00:01:00 GMT" },
  { "retry-after": "nonsense" }
)

const status: fc.Arbitrary<PlannedFault> = fc
  .tuple(
    fc.constantFrom(204, 301, 307, 400, 401, 403, 404, 408, 416, 418, 429, 500, 502, 503, 504),
    retryAfter,
    fc.constantFrom<Readonly<Record<string, string>>>(
      {},
      { "www-authenticate": 'Basic realm="x"' },
      {
        "www-authenticate": 'Bearer realm="https://store.test/token",service="x",error="insufficient_scope"'
      },
      { "www-authenticate": 'Bearer realm=,,,"' },
      { location: "https://elsewhere.invalid/" }
    )
  )
  .map(([status, first, second]) => ({ _tag: "Status", status, headers: { ...first, ...second } }))

/** Generates offsets into a body of `size` bytes. They are random, near the two ends, or near powers of two. */
export const bodyOffset = (size: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.nat(size),
    fc.constantFrom(0, 1, size - 1, size),
    fc.constantFrom(65_535, 65_536, 65_537, 262_144, 524_288).filter((at) => at <= size)
  )

const bodyFault = (size: number): fc.Arbitrary<PlannedFault> =>
  fc.oneof(
    fc.record({
      _tag: fc.constant("Truncate" as const),
      after: bodyOffset(size),
      ending: fc.constantFrom("close" as const, "reset" as const, "short-length" as const)
    }),
    fc.record({ _tag: fc.constant("Corrupt" as const), at: bodyOffset(size) }),
    fc.record({ _tag: fc.constant("Stall" as const), after: bodyOffset(size) }),
    fc.record({ _tag: fc.constant("WrongLength" as const), by: fc.integer({ min: -size, max: size }) }),
    fc.constant<PlannedFault>({ _tag: "NoLength" }),
    fc.constant<PlannedFault>({ _tag: "Endless" }),
    fc.constant<PlannedFault>({ _tag: "IgnoreRange" }),
    fc.record({ _tag: fc.constant("RefuseRange" as const), status: fc.constantFrom(400, 416, 501, 503) }),
    fc.record({ _tag: fc.constant("WrongStatus" as const), status: fc.constantFrom(200, 206) }),
    fc.record({
      _tag: fc.constant("Encode" as const),
      coding: fc.constantFrom("gzip" as const, "deflate" as const, "br" as const, "zstd" as const)
    }),
    fc.record({ _tag: fc.constant("WrongContentRange" as const), by: fc.integer({ min: -1000, max: 1000 }) }),
    fc.record({
      _tag: fc.constant("RateLimit" as const),
      bytesPerSecond: fc.integer({ min: 20_000, max: 2_000_000 })
    }),
    fc
      .constantFrom<Readonly<Record<string, string | undefined>>>(
        { "content-encoding": "gzip" },
        { "content-encoding": "aws-chunked" },
        { "content-length": undefined },
        { "content-range": undefined },
        { "content-range": "bytes 0-0/1" },
        { "content-type": "text/html" }
      )
      .map((headers) => ({ _tag: "Headers" as const, headers })),
    fc.constantFrom("", "{}", "<html>", "[".repeat(100_000)).map((body) => ({ _tag: "Body" as const, body }))
  )

const limited = (arbitrary: fc.Arbitrary<PlannedFault>) => fc.tuple(arbitrary, fc.integer({ min: 1, max: 4 }))

// A fault that sends no body bytes may repeat for ever. A body fault may not: each response makes progress, so the
// client would resume without end.
const limitedOrEndless = (arbitrary: fc.Arbitrary<PlannedFault>) =>
  fc.tuple(arbitrary, fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant("always" as const)))

/** Generates one fault of a registry whose blobs have at most `size` bytes. */
export const faultPlan = (size: number): fc.Arbitrary<FaultPlan> =>
  fc
    .tuple(
      fc.constantFrom<ServedOperation>("manifest", "blob", "blob", "blob", "store", "token"),
      fc.oneof(
        limitedOrEndless(status),
        limitedOrEndless(fc.constantFrom<PlannedFault>({ _tag: "Reset" }, { _tag: "DelayHeaders" })),
        limited(bodyFault(size)),
        limited(bodyFault(size))
      )
    )
    .map(([operation, [fault, times]]) => ({ operation, fault, times }))

const fileOperations: ReadonlyArray<FileOperation> = [
  "open",
  "read",
  "write",
  "stat",
  "rename",
  "remove",
  "makeDirectory",
  "readDirectory",
  "utimes"
]

const reasons: ReadonlyArray<SystemErrorTag> = [
  "PermissionDenied",
  "WriteZero",
  "Unknown",
  "NotFound",
  "BadResource"
]

/** Generates one fault of a file operation, or the same fault for several operations that change files. */
export const fileFaults: fc.Arbitrary<ReadonlyArray<FileFault>> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...fileOperations).map((operation): ReadonlyArray<FileOperation> => [operation]),
      fc.constant<ReadonlyArray<FileOperation>>([
        "open",
        "write",
        "rename",
        "remove",
        "makeDirectory",
        "utimes"
      ])
    ),
    fc.constantFrom(...reasons),
    fc.integer({ min: 1, max: 4 }),
    fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    fc.constantFrom(undefined, "ingest", "blobs")
  )
  .map(([operations, reason, fromCall, times, pathIncludes]) =>
    operations.map((operation) => ({
      operation,
      reason,
      fromCall,
      ...(times === undefined ? {} : { times }),
      ...(pathIncludes === undefined ? {} : { pathIncludes })
    }))
  )
