import { Effect } from "effect"
import type { Fixture } from "../servers/Fixture.ts"
import { download } from "../clients/Download.ts"
import { anonymousMiB, peakMiB, residentMiB } from "../servers/ProcessTree.ts"
import type { Verdict } from "../report/Report.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"
import { formatFigure } from "../report/Table.ts"

/** Measures the memory of registry-packages-proxy after it has served `workload.servedBytes` bytes. */
export const afterServing = (fixture: Fixture): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { packages, workload, origin, workDirectory } = fixture
      const server = yield* ProxyProgram.start({ name: "served", workDirectory, host: origin.host })
      yield* download(server.url(packages.large), Math.ceil(workload.servedBytes / packages.large.size))
      yield* Effect.sleep(workload.idleSeconds * 1000)
      const anonymous = anonymousMiB(server.pid)
      const resident = `${formatFigure(residentMiB(server.pid))} resident, peak ${formatFigure(peakMiB(server.pid))}`
      return [
        {
          what: `anonymous memory after ${formatFigure(workload.servedBytes / 1e9)} GB served`,
          target: "<= 60 MiB",
          measured: `${formatFigure(anonymous)} MiB (${resident})`,
          met: anonymous <= 60
        }
      ]
    })
  )
