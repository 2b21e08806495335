import { type Comparison, timesBetter, type Verdict } from "./report/Report.ts"
import * as Tracing from "./cases/Tracing.ts"
import * as RbacProxy from "./servers/RbacProxy.ts"
import { formatFigure } from "./report/Table.ts"

const program = "registry-packages-proxy"
const rbacProxyNames = Object.values(RbacProxy.rbacProxyNames)

interface Target {
  readonly what: string
  readonly title: RegExp
  /** The name of the server that must reach the target. Default: `registry-packages-proxy`. */
  readonly subject?: string
  /** The names of the servers to compare with. Only the fastest of them counts. */
  readonly against: ReadonlyArray<string>
  /** The lowest accepted speed, as a multiple of the speed of the fastest server in `against`. */
  readonly atLeast: number
}

const targets: ReadonlyArray<Target> = [
  {
    what: "plain hit against bare node:http, the best loop",
    title: /^hit, \d+ MiB/,
    against: ["2 x 512 KiB", "4 x 1024 KiB", "readSync 256 KiB"].map((loop) => `bare node:http, ${loop}`),
    atLeast: 0.9
  },
  {
    what: "HTTPS hit against nginx TLS, the faster",
    title: /^HTTPS hit, \d+ MiB/,
    against: ["nginx TLS, sendfile on", "nginx TLS, sendfile off"],
    atLeast: 0.9
  },
  {
    what: "the same against kube-rbac-proxy before our plain port",
    title: /^HTTPS hit, \d+ MiB/,
    against: rbacProxyNames,
    atLeast: 2.5
  },
  {
    what: "HTTPS hits of 20 KiB against bare node:https",
    title: /^HTTPS hit, 20 KiB/,
    against: ["bare node:https, 2 x 512 KiB"],
    atLeast: 0.85
  },
  {
    what: "HTTPS hits of 20 KiB against nginx TLS, the faster",
    title: /^HTTPS hit, 20 KiB/,
    against: ["nginx TLS, sendfile on", "nginx TLS, sendfile off"],
    atLeast: 0.7
  },
  {
    what: "HTTPS hits of 20 KiB against kube-rbac-proxy before our plain port",
    title: /^HTTPS hit, 20 KiB/,
    against: rbacProxyNames,
    atLeast: 3
  },
  {
    what: "cold miss against distribution's pull-through",
    title: /^cold miss, (256|64) MiB$/,
    against: ["distribution pull-through"],
    atLeast: 1
  },
  {
    what: "8 concurrent cold misses against nginx proxy_cache_lock",
    title: /^8 concurrent/,
    against: ["nginx proxy_cache"],
    atLeast: 1 / 1.3
  },
  {
    what: "cold miss at 1 Gbit/s against direct",
    title: /at 1 Gbit\/s$/,
    against: ["direct from the registry"],
    atLeast: 1 / 1.05
  },
  {
    what: "hits of 20 KiB, tracing off, against the other build",
    title: /^traced: hit, 20 KiB/,
    subject: Tracing.subjects.off,
    against: [Tracing.subjects.other],
    atLeast: 0.97
  },
  {
    what: "hits of 20 KiB, every request traced, against tracing off",
    title: /^traced: hit, 20 KiB/,
    subject: Tracing.subjects.on,
    against: [Tracing.subjects.off],
    atLeast: 0.85
  }
]

const judge = (comparisons: ReadonlyArray<Comparison>, target: Target): ReadonlyArray<Verdict> =>
  comparisons
    .filter(({ title }) => target.title.test(title))
    .flatMap((comparison): ReadonlyArray<Verdict> => {
      const ratios = target.against.flatMap(
        (peer) => timesBetter(comparison, target.subject ?? program, peer) ?? []
      )
      if (ratios.length === 0) return []
      const ratio = Math.min(...ratios)
      const asTime = comparison.lessIsBetter
      return [
        {
          what: target.what,
          target: asTime
            ? `<= ${formatFigure(1 / target.atLeast)}x its time`
            : `>= ${formatFigure(target.atLeast)}x`,
          measured: `${(asTime ? 1 / ratio : ratio).toFixed(3)}x`,
          met: ratio >= target.atLeast
        }
      ]
    })

const firstByte = (comparison: Comparison): ReadonlyArray<Verdict> => {
  const of = (subject: string) => comparison.rows.find((row) => row.subject === subject)?.firstByte?.p50
  const [own, direct] = [of(program), of("direct from the registry")]
  if (own === undefined || direct === undefined) return []
  const later = (own - direct) * 1000
  return [
    {
      what: "the same: first byte after direct's",
      target: "<= 50 ms",
      measured: `${formatFigure(later)} ms`,
      met: later <= 50
    }
  ]
}

/**
 * Limits for the CPU time of registry-packages-proxy per GB that it sends over HTTPS. It may use at most `atMost` times
 * the CPU time per GB of the server with the name `against`.
 */
const cpuOverTls: ReadonlyArray<{ readonly against: string; readonly atMost: number }> = [
  ...["nginx TLS, sendfile on", "nginx TLS, sendfile off"].map((against) => ({ against, atMost: 1.2 })),
  ...rbacProxyNames.map((against) => ({ against, atMost: 0.4 }))
]

const cpu = (comparison: Comparison): ReadonlyArray<Verdict> => {
  const of = (subject: string) => comparison.rows.find((row) => row.subject === subject)?.cpuPerGb
  const own = of(program)
  return cpuOverTls.flatMap(({ against, atMost }): ReadonlyArray<Verdict> => {
    const other = of(against)
    if (own === undefined || other === undefined) return []
    const ratio = own / other
    return [
      {
        what: `the same: CPU against ${against}`,
        target: `<= ${formatFigure(atMost)}x`,
        measured: `${ratio.toFixed(3)}x`,
        met: ratio <= atMost
      }
    ]
  })
}

/** Returns a verdict for each target whose servers were all measured. Omits the other targets. */
export const verdicts = (comparisons: ReadonlyArray<Comparison>): ReadonlyArray<Verdict> => [
  ...targets.flatMap((target) => judge(comparisons, target)),
  ...comparisons.filter(({ title }) => title.endsWith("at 1 Gbit/s")).flatMap(firstByte),
  ...comparisons.filter(({ title }) => /^HTTPS hit, \d+ MiB/.test(title)).flatMap(cpu)
]
