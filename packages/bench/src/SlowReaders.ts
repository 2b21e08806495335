import { Console, Effect } from "effect"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Bed, mib } from "./Bed.ts"
import { download } from "./Download.ts"
import type { Outcome } from "./Followers.ts"
import { type Blob, makeBlob } from "./Origin.ts"
import { forgetPeak, peakMiB } from "./ProcessTree.ts"
import type { Verdict } from "./Report.ts"
import * as Servers from "./Servers.ts"
import { median } from "./Statistics.ts"
import { figure } from "./Table.ts"

const followersProgram = fileURLToPath(new URL("Followers.ts", import.meta.url))

const fast = 50
const slow = 20

const followers = (url: string, slowOnes: number, blob: Blob): Effect.Effect<Outcome, Error> =>
  Effect.callback((resume) => {
    const args = [followersProgram, url, fast, slowOnes, blob.size].map(String)
    const child = execFile(process.execPath, args, (error, stdout, stderr) => {
      resume(
        error === null
          ? // Written by our own program, a few lines away.
            Effect.succeed(JSON.parse(stdout) as Outcome)
          : Effect.fail(new Error(`the clients failed: ${stderr}`))
      )
    })
    return Effect.sync(() => {
      child.kill()
    })
  })

/** Fifty clients of one large miss, in turns alone and with twenty beside them that take 64 KiB a second. */
export const slowReaders = ({
  blobs,
  extent,
  origin,
  work
}: Bed): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const blob = makeBlob(join(work, "origin"), extent.followed)
      const server = yield* Servers.program({ name: "slow-readers", work, host: origin.host })
      yield* download(server.url(blobs.crowd))
      const rounds: Array<{ readonly alone: Outcome; readonly beside: Outcome; readonly peak: number }> = []
      for (let round = 0; round < (extent.rounds > 3 ? 3 : 1); round++) {
        yield* server.empty
        const alone = yield* followers(server.url(blob), 0, blob)
        yield* server.empty
        forgetPeak(server.pid)
        const beside = yield* followers(server.url(blob), slow, blob)
        const peak = peakMiB(server.pid)
        yield* Console.log(
          `beside slow readers ${figure(beside.last)} s, alone ${figure(alone.last)} s, ${figure(peak)} MiB`
        )
        rounds.push({ alone, beside, peak })
      }
      const of = (which: "alone" | "beside") => median(rounds.map((round) => round[which].last))
      const failures = rounds.flatMap(({ alone, beside }) => [...alone.failures, ...beside.failures])
      const peak = Math.max(...rounds.map((round) => round.peak))
      const had = rounds.map(
        ({ beside }) => `${figure(beside.slowest / mib)}-${figure(beside.mostOfSlow / mib)}`
      )
      return [
        {
          what: `${fast} clients of one ${extent.followed / mib} MiB miss, beside ${slow} that read 64 KiB/s`,
          bar: "<= 1.15x the time without those",
          measured:
            `${figure(of("beside") / of("alone"))}x: ${figure(of("beside"))} s against ${figure(of("alone"))} s; ` +
            `each slow one had ${had.join(", ")} MiB; ${failures.length} failures` +
            (failures.length > 0 ? ` (${failures[0]})` : ""),
          met: failures.length === 0 && of("beside") <= 1.15 * of("alone")
        },
        {
          what: "the same: resident memory",
          bar: "< 200 MiB",
          measured: `${figure(peak)} MiB`,
          met: peak < 200
        }
      ]
    })
  )
