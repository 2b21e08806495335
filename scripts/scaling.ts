/**
 * Prints the tables of docs/scaling.md. The tables show rollouts to 10, 100, 1,000 and 10,000 nodes, simulated in
 * virtual time. Options change the simulated cluster. Example: `scripts/scaling.ts --masters 3,5 --nodes 1000
 * --master-gbit 10 --node-gbit 1 --upstream-gbit 0.1 --cache-gib 1`.
 */
import { parseArgs } from "node:util"
import { randomGenerator, simulate } from "../packages/deploy/src/Scaling.ts"

const { values } = parseArgs({
  options: {
    masters: { type: "string", default: "1,3,5" },
    nodes: { type: "string", default: "10,100,1000,10000" },
    packages: { type: "string", default: "40" },
    "master-gbit": { type: "string", default: "1,5" },
    "node-gbit": { type: "string", default: "1" },
    "upstream-gbit": { type: "string", default: "0.1,1" },
    "cache-gib": { type: "string", default: "1" },
    "request-millis": { type: "string", default: "10" },
    seed: { type: "string", default: "1" }
  }
})

const numbers = (text: string): ReadonlyArray<number> => text.split(",").map(Number)
const gigabit = 125e6
const mebibyte = 1024 * 1024
const seed = Number(values.seed)

// The sizes are from 1 to 98 MiB, uniform on a logarithmic scale, like those of binaries, system images and kernels.
const draw = randomGenerator(seed)
const packages = Array.from({ length: Number(values.packages) }, () => 98 ** draw() * mebibyte)

const duration = (seconds: number): string =>
  seconds < 600
    ? `${seconds.toFixed(0)} s`
    : seconds < 36_000
      ? `${(seconds / 60).toFixed(0)} min`
      : `${(seconds / 3600).toFixed(1)} h`
const gibibytes = (bytes: number): string =>
  `${(bytes / 1024 ** 3).toFixed(bytes < 10 * 1024 ** 3 ? 1 : 0)} GiB`

const total = packages.reduce((sum, size) => sum + size)
console.log(
  `${packages.length} packages, ${gibibytes(total)}; each node takes at most ${values["node-gbit"]} Gbit/s\n`
)
console.log(
  "| upstream | a master | nodes | masters | all nodes done | half of them | with sharing | pulled | with sharing | served |"
)
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
for (const upstream of numbers(values["upstream-gbit"])) {
  for (const master of numbers(values["master-gbit"])) {
    for (const nodes of numbers(values.nodes)) {
      for (const masters of numbers(values.masters)) {
        const rollout = {
          masters,
          nodes,
          packageBytes: packages,
          masterBytesPerSecond: master * gigabit,
          nodeBytesPerSecond: Number(values["node-gbit"]) * gigabit,
          upstreamBytesPerSecond: upstream * gigabit,
          cacheBytes: Number(values["cache-gib"]) * 1024 ** 3,
          requestSeconds: Number(values["request-millis"]) / 1000,
          startSeconds: 1,
          seed
        }
        const alone = simulate({ ...rollout, mastersShare: false })
        const shared = masters === 1 ? alone : simulate({ ...rollout, mastersShare: true })
        const cells = [
          `${upstream} Gbit/s`,
          `${master} Gbit/s`,
          nodes,
          masters,
          duration(alone.seconds),
          duration(alone.medianSeconds),
          duration(shared.seconds),
          gibibytes(alone.upstreamBytes),
          gibibytes(shared.upstreamBytes),
          gibibytes(alone.servedBytes)
        ]
        console.log(`| ${cells.join(" | ")} |`)
      }
    }
  }
}
