import { openFiles } from "@registry-packages-proxy/testkit/blob-store/DiskUse"
import * as FaultArbitrary from "@registry-packages-proxy/testkit/registry/FaultArbitrary"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import { Effect, Latch } from "effect"
import type { RegistryAuth } from "@registry-packages-proxy/testkit/registry/RegistryAuth"
import type { RegistryRedirect } from "@registry-packages-proxy/testkit/registry/RegistryRules"
import * as Model from "./Model.ts"
import { full, packages, registryName } from "./Packages.ts"
import * as Requests from "./Requests.ts"
import { advance, advanceUntil, settle } from "./Settling.ts"
import { faultClassOf, type Schedule, type Step } from "./Step.ts"
import * as World from "./World.ts"

/** The maximum duration of a request under any faults, in milliseconds of virtual time. */
const longest = 20 * 60_000

const redirects: Readonly<Record<Extract<Step, { readonly _tag: "Redirect" }>["to"], RegistryRedirect>> = {
  nowhere: { _tag: "None" },
  store: { _tag: "Store" },
  "single-use": { _tag: "Store", singleUse: true },
  registry: { _tag: "Store", tokens: "issued" },
  loop: { _tag: "Loop" },
  elsewhere: { _tag: "To", location: "https://elsewhere.invalid/blob" }
}

const auths: Readonly<Record<Extract<Step, { readonly _tag: "Auth" }>["auth"], RegistryAuth>> = {
  none: { _tag: "None" },
  basic: { _tag: "Basic", ...World.credentials },
  bearer: { _tag: "Bearer", ...World.credentials, expiresIn: 300 },
  "short-lived": { _tag: "Bearer", ...World.credentials, expiresIn: 1 },
  hidden: { _tag: "Basic", ...World.credentials, hideWith: 404, ping: 200 },
  slow: { _tag: "Bearer", ...World.credentials, hideWith: 403, refuseFirst: 3, refuseTokensWith: 403 }
}

const wantedIn = (step: Step): ReadonlyArray<number> => {
  if (step._tag === "Crowd") return step.callers.flatMap(wantedIn)
  return "wanted" in step ? [step.wanted] : []
}

/**
 * The error for a violated promise of docs/reliability.md. The message names the step after which the violation was
 * found.
 */
class Broken extends Error {}

/** Runs one schedule against registry-packages-proxy. Dies with `Broken` if a check fails. */
export const run = Effect.fnUntraced(function* (schedule: Schedule) {
  const world = yield* World.make
  const { disk, activity, registry } = world
  const pending: Array<Requests.Pending> = []
  let circumstances: Model.Circumstances = { upstream: false, disk: false, restart: false }
  let at = "the start"
  let diskFaulted = false

  const fail = (what: string) => Effect.die(new Broken(`${what} (after ${at})`))

  // Faults excuse requests in progress too.
  const touch = (changes: Partial<Model.Circumstances>): void => {
    circumstances = { ...circumstances, ...changes }
    for (const request of pending) request.circumstances = { ...request.circumstances, ...changes }
  }

  const heal = Effect.gen(function* () {
    yield* registry.clearFaults
    yield* registry.setRedirect({ _tag: "None" })
    for (const { image } of packages) yield* registry.put(registryName, image)
    yield* world.healed.open
    world.healed = Latch.makeUnsafe(false)
  })

  const resume = Effect.gen(function* () {
    yield* world.waits.resume.open
    world.waits = { ...world.waits, resume: Latch.makeUnsafe(false) }
  })

  const damage = ({ how, wanted }: Extract<Step, { readonly _tag: "Damage" }>) => {
    const image = packages[wanted]?.image
    const layer = image?.layer
    if (image === undefined || layer === undefined) return Effect.void
    switch (how) {
      case "corrupt":
        return registry.putBlob(registryName, RegistryBlob.damaged(layer, layer.size >> 1))
      case "missing blob":
        return registry.remove(registryName, layer.digest)
      case "missing manifest":
        return registry.remove(registryName, image.digest)
    }
  }

  const perform = Effect.fnUntraced(function* (step: Step) {
    switch (step._tag) {
      case "ClientRequest":
        return void pending.push(yield* Requests.begin(world, step, circumstances))
      case "Crowd":
        for (const caller of step.callers) pending.push(yield* Requests.begin(world, caller, circumstances))
        return
      case "Registry": {
        touch({ upstream: true })
        const { fault, operation, times } = step.faults
        return yield* registry.injectFaults(operation, FaultArbitrary.toFault(fault, world.healed), { times })
      }
      case "HealRegistry":
        return yield* heal
      case "Redirect":
        touch({ upstream: true })
        return yield* registry.setRedirect(redirects[step.to])
      case "Damage":
        touch({ upstream: true })
        return yield* damage(step)
      case "Auth":
        touch({ upstream: true })
        return yield* registry.setAuth(auths[step.auth])
      case "Login":
        touch({ upstream: true })
        return yield* world.run.login(step.login)
      case "RevokeTokens":
        touch({ upstream: true })
        return yield* registry.revokeTokens
      case "Disk":
        touch({ disk: true })
        diskFaulted = true
        return yield* world.run.faults.set(...step.faults)
      case "HealDisk":
        return yield* world.run.faults.set()
      case "File":
        touch({ disk: true })
        // The cache can detect this damage only if it happens after the cache's own writes.
        if (step.how === "corrupt, time put back") yield* settle(activity)
        return disk.damage(step, activity)
      case "Between":
        touch({ disk: true })
        disk.setTrap(step)
        return void pending.push(yield* Requests.begin(world, Requests.simple(step.wanted), circumstances))
      case "Restart": {
        touch({ restart: true })
        const ended = yield* World.restart(world, step.how, step.synced)
        if (!ended) return yield* fail(`the program did not end by ${step.how}`)
        diskFaulted = false
        return
      }
      case "Resume":
        return yield* resume
      case "Time":
        return yield* advance(activity, step.millis)
      case "Probe":
        return yield* probe
      case "Settle":
        return yield* settle(activity)
    }
  })

  const probe = Effect.gen(function* () {
    for (const [path, allowed] of [
      ["/healthz", [200]],
      ["/readyz", [200, 503]],
      ["/metrics", [200]]
    ] as const) {
      const response = yield* Requests.probe(world, path)
      if (!allowed.some((status) => status === response.status))
        return yield* fail(`${path} is ${response.status}`)
    }
  })

  /** Checks the cache size, the completed responses, and the number of pulls in progress. */
  const check = Effect.gen(function* () {
    disk.look()
    if (disk.excess > 0) return yield* fail(`the cache takes ${disk.excess} bytes more than its cap`)
    for (let index = pending.length - 1; index >= 0; index--) {
      const request = pending[index]
      if (request === undefined || request.response.outcome === undefined) continue
      pending.splice(index, 1)
      const faults = Model.faultsOf(request.ask, request.response, request.circumstances)
      if (faults.length > 0) {
        return yield* fail(
          `${faults.join("; ")}: ${JSON.stringify(request.ask)} got ${request.response.outcome} ` +
            `${request.response.head} and ${request.response.bodyLength} bytes ${Buffer.concat(request.response.body).toString("latin1", 0, 300)}`
        )
      }
    }
    if (!diskFaulted) yield* checkPulls
  })

  /**
   * Checks that no layer has too many pulls in progress. The limit is one pull for each package with this layer,
   * plus one for each request that bypasses the cache or has no response head yet.
   */
  const checkPulls = Effect.gen(function* () {
    const open = new Map<string, number>()
    for (const { operation, outcome, reference } of yield* registry.requests) {
      if ((operation !== "blob" && operation !== "store") || outcome !== "open" || reference === undefined)
        continue
      open.set(reference, (open.get(reference) ?? 0) + 1)
    }
    for (const [layer, count] of open) {
      const sharing = packages.filter(
        ({ image }) => (image.layer ?? image.children.at(-1)?.layer)?.digest === layer
      )
      const bypassing = pending.filter(
        ({ response, ask }) =>
          sharing.includes(packages[ask.wanted] ?? (packages[0] as (typeof packages)[0])) &&
          (response.status === 0 || response.headers.get("cache-status")?.endsWith("bypass") === true)
      )
      if (count > sharing.length + bypassing.length)
        return yield* fail(`${count} pulls of ${layer} at a time`)
    }
  })

  const allEnded = () => pending.every(({ response }) => response.outcome !== undefined)
  const isForgotten = ({ response, ask }: Requests.Pending) =>
    ask.reading._tag === "Forget" && response.received >= ask.reading.at

  for (const [index, step] of schedule.steps.entries()) {
    const its = faultClassOf(step)
    if (its !== undefined && !schedule.enabledFaults[its]) continue
    at = `step ${index}, ${JSON.stringify(step)}`
    yield* perform(step)
    yield* check
  }

  at = "all steps, faults as they are"
  yield* resume
  yield* advanceUntil(activity, longest, () =>
    pending.every((request) => isForgotten(request) || request.response.outcome !== undefined)
  )
  // Wait longer than the send timeout, which disconnects the clients that never resume reading.
  if (pending.some(isForgotten)) yield* advance(activity, 2 * Model.longestSilence)
  yield* world.waits.over.open
  if (!(yield* advanceUntil(activity, longest, allEnded))) {
    return yield* fail(
      `${pending.length} requests did not end in time: ${JSON.stringify(
        pending.map(({ response, ask }) => ({ ask, head: response.head, bytes: response.bodyLength }))
      )}`
    )
  }
  yield* check

  at = "everything healed"
  disk.setTrap(undefined)
  yield* heal
  yield* registry.setAuth({ _tag: "None" })
  yield* world.run.faults.set()
  yield* world.run.login("right")
  // Wait for the end of all cool-downs, fills and idle connections.
  yield* advance(activity, 70_000)
  circumstances = { upstream: false, disk: false, restart: false }
  // All packages that the steps name, and the package that fits only into an empty cache.
  const touched = new Set(schedule.steps.flatMap(wantedIn))
  const order = [...touched, full]
  for (const wanted of order) {
    // If a file was damaged from outside, the first response may detect the damage and be aborted.
    for (const attempt of [1, 2]) {
      const request = yield* Requests.begin(world, Requests.simple(wanted), {
        ...circumstances,
        disk: attempt === 1 && (schedule.enabledFaults.files || schedule.enabledFaults.disk)
      })
      if (!(yield* advanceUntil(activity, 60_000, () => request.response.outcome !== undefined))) {
        return yield* fail(`${packages[wanted]?.name} is not served any more`)
      }
      pending.push(request)
      yield* check
      if (request.response.outcome === "complete") {
        const status = request.response.headers.get("cache-status") ?? ""
        if (request.response.status === 200 && status.endsWith("bypass")) {
          return yield* fail(
            `${packages[wanted]?.name} is not stored although all faults are gone: the cache has lost space`
          )
        }
        break
      }
    }
    yield* settle(activity)
  }
  yield* probe
  const readiness = yield* Requests.probe(world, "/readyz")
  if (Buffer.concat(readiness.body).toString() !== "ok\n") {
    return yield* fail(`/readyz says ${Buffer.concat(readiness.body).toString()}`)
  }
  const isIdle = () =>
    openFiles(disk.directory).length === 0 && disk.list().every((file) => !file.includes("/ingest-"))
  for (let turn = 0; turn < 100 && !isIdle(); turn++) yield* settle(activity)
  if (!isIdle()) {
    return yield* fail(`left behind: ${JSON.stringify([openFiles(disk.directory), disk.list()])}`)
  }
  const requests = yield* registry.requests
  const open = requests.filter(({ outcome }) => outcome === "open")
  if (open.length > 0) return yield* fail(`requests upstream still open: ${JSON.stringify(open)}`)

  at = "the stop"
  const ending = yield* Effect.forkChild(world.run.stop)
  if (!(yield* advanceUntil(activity, 60_000, () => ending.pollUnsafe() !== undefined))) {
    return yield* fail("the program did not stop")
  }
  if (openFiles(disk.directory).length > 0) return yield* fail("files open after the stop")
})
