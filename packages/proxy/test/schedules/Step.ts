import * as FaultArbitrary from "@registry-packages-proxy/testkit/registry/FaultArbitrary"
import type { FileFault } from "@registry-packages-proxy/testkit/blob-store/FaultyFileSystem"
import * as fc from "fast-check"
import { largestSize, packages, small } from "./Packages.ts"

/** The way in which a client reads its response. */
export type ReadBehaviour =
  | { readonly _tag: "Whole" }
  /** Disconnects after `at` bytes of the response, including the head. */
  | { readonly _tag: "Leave"; readonly at: number; readonly how: "close" | "reset" }
  /** Disconnects after the client's fiber has yielded `turns` times. */
  | { readonly _tag: "Abandon"; readonly turns: number; readonly how: "close" | "reset" }
  /** Stops reading after `at` bytes, until the step `Resume`. */
  | { readonly _tag: "Stall"; readonly at: number }
  /** Stops reading after `at` bytes, never resumes, and stays connected. */
  | { readonly _tag: "Forget"; readonly at: number }
  /** Reads `bytes` bytes per second. */
  | { readonly _tag: "Drip"; readonly bytes: number }

/** A client's request for a package. `wanted` is the package's position in `packages`. */
export interface ClientRequest {
  readonly _tag: "ClientRequest"
  readonly wanted: number
  readonly method: "GET" | "HEAD"
  readonly range: readonly [number | undefined, number | undefined] | undefined
  readonly ifRange: "matching" | "other" | undefined
  readonly ifNoneMatch: "matching" | "other" | "any" | undefined
  readonly reading: ReadBehaviour
}

export type Step =
  | ClientRequest
  /** Two to five concurrent requests for one package. The `reading` of each request is `Abandon`. */
  | { readonly _tag: "Crowd"; readonly callers: ReadonlyArray<ClientRequest> }
  | { readonly _tag: "Registry"; readonly faults: FaultArbitrary.FaultPlan }
  | { readonly _tag: "HealRegistry" }
  | {
      readonly _tag: "Redirect"
      readonly to: "nowhere" | "store" | "single-use" | "registry" | "loop" | "elsewhere"
    }
  | {
      readonly _tag: "Damage"
      readonly wanted: number
      readonly how: "corrupt" | "missing blob" | "missing manifest"
    }
  | { readonly _tag: "Auth"; readonly auth: "none" | "basic" | "bearer" | "short-lived" | "hidden" | "slow" }
  | { readonly _tag: "Login"; readonly login: "right" | "wrong" | "unreadable" | "gone" | "out of touch" }
  | { readonly _tag: "RevokeTokens" }
  | { readonly _tag: "Disk"; readonly faults: ReadonlyArray<FileFault> }
  | { readonly _tag: "HealDisk" }
  | {
      readonly _tag: "File"
      readonly at: number
      readonly how: Damage | "corrupt, time put back" | "delete all"
    }
  /**
   * Requests a package. When registry-packages-proxy next accesses a package file in its cache, this file is damaged.
   * `moment` says whether this happens after a stat or before a read.
   */
  | {
      readonly _tag: "Between"
      readonly wanted: number
      readonly moment: "looked at" | "read"
      readonly how: Damage
    }
  | { readonly _tag: "Restart"; readonly how: "crash" | "stop"; readonly synced: boolean }
  | { readonly _tag: "Resume" }
  | { readonly _tag: "Time"; readonly millis: number }
  | { readonly _tag: "Probe" }
  | { readonly _tag: "Settle" }

/** The way in which another process changes a file in the cache directory. */
export type Damage = "corrupt" | "truncate" | "delete" | "replace" | "touch"

/** A test case. Its steps run in order. */
export interface Schedule {
  /** The number of operations after which a fiber yields to other fibers. Undefined means Effect's default. */
  readonly yields: number | undefined
  /**
   * True for each fault class whose steps run. The steps of the other classes are skipped, and the test then allows
   * fewer errors.
   */
  readonly enabledFaults: Readonly<Record<FaultClass, boolean>>
  readonly steps: ReadonlyArray<Step>
}

export type FaultClass = "registry" | "credentials" | "disk" | "files" | "restart" | "clients"

/** Returns the fault class of a step. Undefined if the step causes no fault. */
export const faultClassOf = (step: Step): FaultClass | undefined => {
  switch (step._tag) {
    case "Registry":
    case "Redirect":
    case "Damage":
      return "registry"
    case "Auth":
    case "Login":
    case "RevokeTokens":
      return "credentials"
    case "Disk":
      return "disk"
    case "File":
    case "Between":
      return "files"
    case "Restart":
      return "restart"
    case "ClientRequest":
      return step.reading._tag === "Whole" ? undefined : "clients"
    case "Crowd":
      return "clients"
    default:
      return undefined
  }
}

const wanted = fc.nat(packages.length - 1)
const offset = FaultArbitrary.bodyOffset(largestSize)
const optional = <A>(arbitrary: fc.Arbitrary<A>, freq = 4) => fc.option(arbitrary, { nil: undefined, freq })

const how = fc.constantFrom("close" as const, "reset" as const)

// While the program serves a package that is not in memory, the client's fiber can yield a few tens of times.
const abandon: fc.Arbitrary<ReadBehaviour> = fc.record({
  _tag: fc.constant("Abandon" as const),
  turns: fc.nat(60),
  how
})

const reading: fc.Arbitrary<ReadBehaviour> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<ReadBehaviour>({ _tag: "Whole" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant("Leave" as const),
      at: offset,
      how
    })
  },
  { weight: 2, arbitrary: abandon },
  { weight: 1, arbitrary: offset.map((at): ReadBehaviour => ({ _tag: "Stall", at })) },
  { weight: 1, arbitrary: offset.map((at): ReadBehaviour => ({ _tag: "Forget", at })) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 20_000, max: 400_000 })
      .map((bytes): ReadBehaviour => ({ _tag: "Drip", bytes }))
  }
)

const range = optional(fc.tuple(optional(offset, 8), optional(offset, 3)), 1)

const askFor = (
  wanted: fc.Arbitrary<number>,
  reading: fc.Arbitrary<ReadBehaviour>
): fc.Arbitrary<ClientRequest> =>
  fc.record({
    _tag: fc.constant("ClientRequest" as const),
    wanted,
    method: fc.constantFrom("GET" as const, "GET" as const, "GET" as const, "HEAD" as const),
    range: range.map((range) => (range?.[0] === undefined && range?.[1] === undefined ? undefined : range)),
    ifRange: optional(fc.constantFrom("matching" as const, "other" as const), 1),
    ifNoneMatch: optional(fc.constantFrom("matching" as const, "other" as const, "any" as const), 1),
    reading
  })

const ask = askFor(wanted, reading)

const crowd: fc.Arbitrary<Step> = wanted
  .chain((one) => fc.array(askFor(fc.constant(one), abandon), { minLength: 2, maxLength: 5 }))
  .map((callers) => ({ _tag: "Crowd", callers }))

const damage = fc.constantFrom<Damage>("corrupt", "truncate", "delete", "replace", "touch")

const plain = (...steps: ReadonlyArray<Step>) => fc.constantFrom<Step>(...steps)
const tagged = <Tag extends Step["_tag"]>(tag: Tag) => fc.constant(tag)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 14, arbitrary: ask },
  { weight: 2, arbitrary: crowd },
  {
    weight: 4,
    arbitrary: fc.record({ _tag: tagged("Registry"), faults: FaultArbitrary.faultPlan(largestSize) })
  },
  { weight: 2, arbitrary: plain({ _tag: "HealRegistry" }, { _tag: "HealDisk" }) },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: tagged("Redirect"),
      to: fc.constantFrom("nowhere", "store", "single-use", "registry", "loop", "elsewhere")
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: tagged("Damage"),
      wanted,
      how: fc.constantFrom("corrupt", "missing blob", "missing manifest")
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: tagged("Auth"),
      auth: fc.constantFrom("none", "basic", "bearer", "short-lived", "hidden", "slow")
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: tagged("Login"),
      login: fc.constantFrom("right", "wrong", "unreadable", "gone", "out of touch")
    })
  },
  { weight: 1, arbitrary: plain({ _tag: "RevokeTokens" }, { _tag: "Probe" }) },
  { weight: 3, arbitrary: fc.record({ _tag: tagged("Disk"), faults: FaultArbitrary.fileFaults }) },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: tagged("File"),
      at: fc.nat(7),
      how: fc.oneof({ weight: 3, arbitrary: damage }, fc.constantFrom("corrupt, time put back", "delete all"))
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: tagged("Between"),
      // Small packages are chosen more often, since they are read completely before any byte is sent.
      wanted: fc.oneof(wanted, fc.constantFrom(...small)),
      moment: fc.constantFrom("looked at", "read"),
      how: damage
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: tagged("Restart"),
      how: fc.constantFrom("crash", "stop"),
      synced: fc.boolean()
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: tagged("Time"),
      millis: fc.oneof(fc.nat(2000), fc.nat(60_000), fc.constant(200_000))
    })
  },
  { weight: 4, arbitrary: plain({ _tag: "Resume" }, { _tag: "Settle" }, { _tag: "Settle" }) }
)

export const schedule: fc.Arbitrary<Schedule> = fc.record({
  // In one schedule of three, fibers yield more often than by default. The smallest number that Effect supports is 3.
  yields: fc.oneof(
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(3, 3, 4, 5, 7, 11) }
  ),
  enabledFaults: fc.record({
    registry: fc.boolean(),
    credentials: fc.boolean(),
    disk: fc.boolean(),
    files: fc.boolean(),
    restart: fc.boolean(),
    clients: fc.boolean()
  }),
  steps: fc.array(step, { minLength: 1, maxLength: 20, size: "max" })
})
