import type { SystemErrorTag } from "effect/PlatformError"
import type { Latch } from "effect"
import * as fc from "fast-check"
import type { DelayHeaders, Fault, Operation, Stall } from "./Fault.ts"
import type { FileFault, FileOperation } from "../blob-store/FaultyFileSystem.ts"

/** A fault without what only a running test has: what it waits for. */
export type PlannedFault =
  | Exclude<Fault, Stall | DelayHeaders>
  | { readonly _tag: "Stall"; readonly after: number }
  | { readonly _tag: "DelayHeaders" }

/** The fault that is meant; what waits goes on when `until` opens. */
export const toFault = (planned: PlannedFault, until: Latch.Latch): Fault =>
  planned._tag === "Stall" || planned._tag === "DelayHeaders" ? { ...planned, until } : planned

/** What the registry does to its next requests. */
export interface PlannedFaults {
  readonly operation: Operation
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

/** Offsets into a body of at most `size` bytes: anywhere, its ends, and where a power of two is. */
export const offset = (size: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.nat(size),
    fc.constantFrom(0, 1, size - 1, size),
    fc.constantFrom(65_535, 65_536, 65_537, 262_144, 524_288).filter((at) => at <= size)
  )

const bodyFault = (size: number): fc.Arbitrary<PlannedFault> =>
  fc.oneof(
    fc.record({
      _tag: fc.constant("Truncate" as const),
      after: offset(size),
      ending: fc.constantFrom("close" as const, "reset" as const, "short-length" as const)
    }),
    fc.record({ _tag: fc.constant("Corrupt" as const), at: offset(size) }),
    fc.record({ _tag: fc.constant("Stall" as const), after: offset(size) }),
    fc.record({ _tag: fc.constant("WrongLength" as const), by: fc.integer({ min: -size, max: size }) }),
    fc.constant<PlannedFault>({ _tag: "NoLength" }),
    fc.constant<PlannedFault>({ _tag: "Endless" }),
    fc.constant<PlannedFault>({ _tag: "IgnoreRange" }),
    fc.record({ _tag: fc.constant("RefuseRange" as const), status: fc.constantFrom(400, 416, 501, 503) }),
    fc.record({ _tag: fc.constant("Relabel" as const), status: fc.constantFrom(200, 206) }),
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

const passing = (arbitrary: fc.Arbitrary<PlannedFault>) => fc.tuple(arbitrary, fc.integer({ min: 1, max: 4 }))

// Only what brings no byte may strike for ever: a body that breaks after each is resumed as often as there are bytes.
const lasting = (arbitrary: fc.Arbitrary<PlannedFault>) =>
  fc.tuple(arbitrary, fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant("always" as const)))

/** Faults of a registry whose blobs have at most `size` bytes. */
export const registryFaults = (size: number): fc.Arbitrary<PlannedFaults> =>
  fc
    .tuple(
      fc.constantFrom<Operation>("manifest", "blob", "blob", "blob", "store", "token"),
      fc.oneof(
        lasting(status),
        lasting(fc.constantFrom<PlannedFault>({ _tag: "Reset" }, { _tag: "DelayHeaders" })),
        passing(bodyFault(size)),
        passing(bodyFault(size))
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

/** Faults of a file system: of an operation, or of all that change anything. */
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
  .map(([operations, reason, from, times, path]) =>
    operations.map((operation) => ({
      operation,
      reason,
      from,
      ...(times === undefined ? {} : { times }),
      ...(path === undefined ? {} : { path })
    }))
  )
