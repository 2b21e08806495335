import { Effect } from "effect"
import type { Bed } from "../servers/Bed.ts"
import { download } from "../clients/Download.ts"
import { anonymousMiB, peakMiB, residentMiB } from "../servers/ProcessTree.ts"
import type { Verdict } from "../report/Report.ts"
import * as Servers from "../servers/Servers.ts"
import { figure } from "../report/Table.ts"

/** How much the executable holds after it has served a lot. */
export const afterServing = (bed: Bed): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { blobs, extent, origin, work } = bed
      const server = yield* Servers.program({ name: "served", work, host: origin.host })
      yield* download(server.url(blobs.large), Math.ceil(extent.served / blobs.large.size))
      yield* Effect.sleep(extent.idleSeconds * 1000)
      const anonymous = anonymousMiB(server.pid)
      const resident = `${figure(residentMiB(server.pid))} resident, at most ${figure(peakMiB(server.pid))}`
      return [
        {
          what: `anonymous memory after ${figure(extent.served / 1e9)} GB served`,
          bar: "<= 60 MiB",
          measured: `${figure(anonymous)} MiB (${resident})`,
          met: anonymous <= 60
        }
      ]
    })
  )
