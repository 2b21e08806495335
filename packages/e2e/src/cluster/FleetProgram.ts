/**
 * A program that simulates many clients that fetch packages. Usage: `FleetProgram.ts PLAN OUTCOME`. The program reads a
 * `FleetPlan` from the JSON file PLAN. When all clients have ended, the program writes a `FleetResult` to the JSON file
 * OUTCOME. The clients verify the SHA-256 of each download. On SIGTERM, each client ends after its current download. If
 * `fetchesOnce` is true, SIGTERM has no effect.
 */
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { request } from "node:https"
import type { FleetResult, FleetPlan } from "./Fleet.ts"

const [, , planFile = "", outcomeFile = ""] = process.argv
const plan = JSON.parse(readFileSync(planFile, "utf8")) as FleetPlan

const connectMillis = 10_000
const headersMillis = 60_000
const silenceMillis = 60_000

/** A failure after which a client must not retry. */
class PermanentFailure extends Error {}

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
const chosen = <A>(all: ReadonlyArray<A>): A => all[Math.floor(Math.random() * all.length)] as A
const shuffled = <A>(all: ReadonlyArray<A>): Array<A> =>
  all
    .map((value) => ({ value, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value)

/**
 * Sends one package request to an endpoint and verifies the response. Rejects with a `PermanentFailure` if clients must
 * not retry, otherwise with another error.
 */
const attempt = (endpoint: string, { digest, sha256, size }: FleetPlan["packages"][number]) =>
  new Promise<void>((resolve, reject) => {
    const fail = (error: Error) => {
      clearTimeout(timer)
      outgoing.destroy()
      reject(error)
    }
    const within = (millis: number, what: string) => setTimeout(() => fail(new Error(what)), millis)
    let timer = within(connectMillis, "no connection")
    const next = (millis: number, what: string) => {
      clearTimeout(timer)
      timer = within(millis, what)
    }
    const outgoing = request(
      `https://${endpoint}/package?digest=${digest}&repository=&path=`,
      { agent: false, rejectUnauthorized: false, headers: { authorization: `Bearer ${plan.token}` } },
      (response) => {
        const status = response.statusCode ?? 0
        if (status !== 200) {
          const isTransient = status === 408 || status === 429 || status >= 500
          return fail(isTransient ? new Error(`status ${status}`) : new PermanentFailure(`status ${status}`))
        }
        next(silenceMillis, "silence")
        const hash = createHash("sha256")
        const since = performance.now()
        let received = 0
        response.on("data", (chunk: Buffer) => {
          received += chunk.length
          hash.update(chunk)
          timer.refresh()
          const ahead =
            plan.clientBytesPerSecond === 0
              ? 0
              : since + (1000 * received) / plan.clientBytesPerSecond - performance.now()
          if (ahead > 1) {
            response.pause()
            setTimeout(() => response.resume(), ahead)
          }
        })
        response.on("error", () => fail(new Error("body aborted")))
        response.on("end", () => {
          if (!response.complete) return fail(new Error("body aborted"))
          if (received !== size || hash.digest("hex") !== sha256)
            return fail(new PermanentFailure("wrong bytes"))
          clearTimeout(timer)
          resolve()
        })
      }
    )
    outgoing.on("socket", (socket) => socket.once("secureConnect", () => next(headersMillis, "no headers")))
    outgoing.on("error", (error: NodeJS.ErrnoException) => fail(new Error(error.code ?? error.message)))
    outgoing.end()
  })

let downloads = 0
let bytes = 0
let slowestSeconds = 0
const failed: Array<string> = []
const retries: Record<string, number> = {}
const doneAfter: Array<number> = []
const start = performance.now()

/**
 * For each retry behaviour, a function that returns the endpoints of all attempts of one download, in order. `null`
 * stands for a pause.
 */
const tries: Readonly<Record<FleetPlan["retryBehaviors"][number], () => Array<string | null>>> = {
  "rpp-get": () => Array.from({ length: 30 }, () => [chosen(plan.endpoints), null]).flat(),
  bashible: () => Array.from({ length: 30 }, () => [...shuffled(plan.endpoints), null]).flat()
}

const download = async (kind: FleetPlan["retryBehaviors"][number], wanted: FleetPlan["packages"][number]) => {
  const reasons: Array<string> = []
  for (const endpoint of tries[kind]()) {
    if (endpoint === null) {
      await pause(plan.retryMillis)
      continue
    }
    try {
      await attempt(endpoint, wanted)
      return
    } catch (error) {
      const reason = error instanceof Error ? error.message : "?"
      retries[reason] = (retries[reason] ?? 0) + 1
      reasons.push(`${endpoint} ${reason}`)
      if (error instanceof PermanentFailure) break
    }
  }
  throw new Error(reasons.join(", "))
}

let isOver = false
process.on("SIGTERM", () => (isOver = true))

const fetchOne = async (kind: FleetPlan["retryBehaviors"][number], wanted: FleetPlan["packages"][number]) => {
  const began = performance.now()
  try {
    await download(kind, wanted)
    downloads++
    bytes += wanted.size
  } catch (error) {
    failed.push(error instanceof Error ? error.message : "?")
  }
  slowestSeconds = Math.max(slowestSeconds, (performance.now() - began) / 1000)
}

const live = async (index: number) => {
  const kind = plan.retryBehaviors[index % plan.retryBehaviors.length] ?? "rpp-get"
  if (plan.fetchesOnce) {
    for (const wanted of shuffled(plan.packages)) await fetchOne(kind, wanted)
    doneAfter.push((performance.now() - start) / 1000)
    return
  }
  while (!isOver) {
    await fetchOne(kind, chosen(plan.packages))
    await pause(Math.random() * 2 * plan.pauseMillis)
  }
}

process.stdout.write("begun\n")
await Promise.all(Array.from({ length: plan.clientCount }, (_, index) => live(index)))
const outcome: FleetResult = { downloads, bytes, failed, retries, slowestSeconds, doneAfter }
writeFileSync(outcomeFile, JSON.stringify(outcome))
