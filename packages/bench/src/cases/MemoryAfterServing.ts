import { Effect } from "effect"
import type { Fixture } from "../servers/Fixture.ts"
import { download } from "../clients/Download.ts"
import { anonymousMiB, peakMiB, residentMiB } from "../servers/ProcessTree.ts"
import type { Verdict } from "../report/Report.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"
import { figure } from "../report/Table.ts"

/** Measures the memory of the executable after it has served `extent.served` bytes. */
export const afterServing = (fixture: Fixture): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { blobs, extent, origin, workDirectory } = fixture
      const server = yield* ProxyProgram.start({ name: "served", workDirectory, host: origin.host })
      yield* download(server.url(blobs.large), Math.ceil(extent.served / blobs.large.size))
      yield* Effect.sleep(extent.idleSeconds * 1000)
      const anonymous = anonymousMiB(server.pid)
      const resident = `${figure(residentMiB(server.pid))} resident, peak ${figure(peakMiB(server.pid))}`
      return [
        {
          what: `anonymous memory after ${figure(extent.served / 1e9)} GB served`,
          target: "<= 60 MiB",
          measured: `${figure(anonymous)} MiB (${resident})`,
          met: anonymous <= 60
        }
      ]
    })
  )
