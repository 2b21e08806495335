import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { defaultPlatform } from "@registry-packages-proxy/testkit/digest-cache/TestPackage"
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import fc from "fast-check"
import { chargedSize, DiskBudget } from "../../../src/internal/disk/DiskBudget.ts"
import { DiskEntries, DiskEntry } from "../../../src/internal/disk/DiskEntries.ts"

const cap = 200_000
const base = new DiskBudget(cap).charged

const digestOfNumber = (number: number) => digestOf(Buffer.from(`package ${number}`))

const entryOf = (number: number, size: number): DiskEntry =>
  new DiskEntry({
    name: {
      manifestDigest: digestOfNumber(number),
      platform: Option.none(),
      layerDigest: digestOfNumber(-number),
      size,
      compression: "gzip"
    },
    lastUsed: 0
  })

const command = fc.oneof(
  fc.record({ _tag: fc.constant("add"), number: fc.nat(12), size: fc.nat(90_000) }),
  fc.record({ _tag: fc.constant("use"), number: fc.nat(12), size: fc.constant(0) }),
  fc.record({ _tag: fc.constant("hold"), number: fc.nat(12), size: fc.constant(0) }),
  fc.record({ _tag: fc.constant("leave"), number: fc.nat(12), size: fc.constant(0) }),
  fc.record({ _tag: fc.constant("drop"), number: fc.nat(12), size: fc.constant(0) })
)

/**
 * The expected state. `kept` are the packages in the cache, in order of last use. `dropped` are removed packages whose
 * `holders` is still greater than 0.
 */
class Model {
  kept: ReadonlyArray<DiskEntry> = []
  dropped: ReadonlyArray<DiskEntry> = []

  get charged(): number {
    return [...this.kept, ...this.dropped].reduce((sum, { size }) => sum + chargedSize(size), base)
  }
}

describe("Entries and DiskBudget", () => {
  it("keep the order of use, evict only entries without holders, and never charge more than the cap", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
        const budget = new DiskBudget(cap)
        const entries = new DiskEntries(budget)
        const model = new Model()
        const remove = (entry: DiskEntry): void => {
          entries.drop(entry)
          entry.unlinked = true
          entries.releaseIfUnused(entry)
          model.kept = model.kept.filter((it) => it !== entry)
          if (entry.holders > 0) model.dropped = [...model.dropped, entry]
        }
        for (const { _tag, number, size } of commands) {
          const found = entries.find({ manifestDigest: digestOfNumber(number), platform: defaultPlatform })
          switch (_tag) {
            case "add": {
              if (found !== undefined || !budget.admits(size)) break
              const shortage = budget.shortage(size)
              const victims = entries.victims(shortage)
              const idle = model.kept.filter(({ holders }) => holders === 0)
              assert.deepStrictEqual(
                victims ?? [],
                idle.slice(0, (victims ?? []).length),
                "the least recently used first"
              )
              const freeable = idle.reduce((sum, it) => sum + chargedSize(it.size), 0)
              assert.strictEqual(victims === undefined, freeable < shortage)
              victims?.forEach(remove)
              assert.strictEqual(budget.tryCharge(size), victims !== undefined)
              if (victims === undefined) break
              const entry = entryOf(number, size)
              entries.insert(entry)
              model.kept = [...model.kept, entry]
              break
            }
            case "use":
              if (found === undefined) break
              entries.touchAt(found, 1)
              model.kept = [...model.kept.filter((it) => it !== found), found]
              break
            case "hold":
              if (found !== undefined) found.holders++
              break
            case "leave":
              for (const entry of [found, ...model.dropped]) {
                if (entry === undefined || entry.holders === 0) continue
                entry.holders--
                entries.releaseIfUnused(entry)
              }
              model.dropped = model.dropped.filter(({ holders }) => holders > 0)
              break
            case "drop":
              if (found !== undefined) remove(found)
          }
          assert.deepStrictEqual(entries.all(), model.kept)
          assert.strictEqual(budget.charged, model.charged)
          assert.isAtMost(budget.charged, cap)
          assert.strictEqual(
            entries.bytes,
            model.kept.reduce((sum, entry) => sum + entry.size, 0)
          )
        }
      })
    )
  })

  it("DiskBudget - counts whole blocks, foreign files permanently, and found files beyond the cap", () => {
    const budget = new DiskBudget(100_000)
    assert.isAtLeast(chargedSize(1), 4096)
    assert.isAtLeast(chargedSize(4097), 8192)
    budget.chargeForeign(50_000)
    assert.isFalse(budget.admits(40_000))
    assert.isTrue(budget.admits(20_000))
    budget.chargeFound(90_000)
    assert.isBelow(budget.free, 0)
    assert.isFalse(budget.tryCharge(1))
    budget.release(90_000)
    assert.isTrue(budget.tryCharge(20_000))
  })
})
