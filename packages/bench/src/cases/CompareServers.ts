import { Effect } from "effect"
import { cpuSeconds, endedChildrenSeconds, resetPeak, peakMiB } from "../servers/ProcessTree.ts"
import type { Comparison, Row } from "../report/Report.ts"
import type { MeasuredServer } from "../servers/MeasuredServer.ts"
import { combineRounds, median, type Percentiles, spread } from "../report/Statistics.ts"

/** The measurements of one server in one round. `value` has the unit of the comparison. */
export interface Sample {
  readonly value: number
  /** Total size of the response bodies in the round, in bytes. */
  readonly bytes: number
  /**
   * Seconds from the start of a request to the first byte of its response. For wrk, seconds of the whole request,
   * because wrk does not report the first byte.
   */
  readonly firstByte: Percentiles
}

const pidsOf = ({ otherPids = [], pid }: MeasuredServer): ReadonlyArray<number> => [pid, ...otherPids]

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

interface Tally {
  readonly values: Array<number>
  readonly firstBytes: Array<Percentiles>
  bytes: number
  cpu: number
  client: number
}

/**
 * Measures every server once in each round. Other load on the machine therefore affects all servers about equally.
 * Before the first round, measures every server once and ignores the result. Returns one row per server.
 */
export const compareServers = (options: {
  readonly title: string
  readonly unit: string
  readonly lessIsBetter: boolean
  readonly rounds: number
  readonly servers: ReadonlyArray<MeasuredServer>
  readonly measureRound: (server: MeasuredServer) => Effect.Effect<Sample, Error>
  readonly notes?: ReadonlyArray<string>
}): Effect.Effect<Comparison, Error> =>
  Effect.gen(function* () {
    const { measureRound, rounds, servers } = options
    const tallies = new Map<MeasuredServer, Tally>()
    for (const server of servers) {
      // The first round warms up caches and compilers. It is not counted.
      yield* measureRound(server)
      pidsOf(server).forEach(resetPeak)
      tallies.set(server, { values: [], firstBytes: [], bytes: 0, cpu: 0, client: 0 })
    }
    for (let index = 0; index < rounds; index++) {
      for (const [server, tally] of tallies) {
        const cpu = sum(pidsOf(server).map(cpuSeconds))
        const client = endedChildrenSeconds()
        const sample = yield* measureRound(server)
        tally.cpu += sum(pidsOf(server).map(cpuSeconds)) - cpu
        tally.client += endedChildrenSeconds() - client
        tally.bytes += sample.bytes
        tally.values.push(sample.value)
        tally.firstBytes.push(sample.firstByte)
      }
    }
    const first = servers[0] === undefined ? Number.NaN : median(tallies.get(servers[0])?.values ?? [])
    const gb = 1e9
    const rows = servers.flatMap((server): ReadonlyArray<Row> => {
      const tally = tallies.get(server)
      if (tally === undefined) return []
      const { bytes, cpu, firstBytes, values } = tally
      const value = spread(values)
      return [
        {
          subject: server.name,
          value,
          ratio: value.median / first,
          cpuPerGb: cpu / (bytes / gb),
          peakRss: sum(pidsOf(server).map(peakMiB)),
          firstByte: combineRounds(firstBytes)
        }
      ]
    })
    const clients = [...tallies.values()].map(({ bytes, client }) => client / (bytes / gb))
    return {
      title: options.title,
      unit: options.unit,
      lessIsBetter: options.lessIsBetter,
      rows,
      notes: [
        ...(options.notes ?? []),
        `the clients took ${Math.min(...clients).toFixed(2)} to ${Math.max(...clients).toFixed(2)} CPU s/GB of their own`
      ]
    }
  })
