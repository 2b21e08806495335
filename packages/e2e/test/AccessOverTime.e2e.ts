import { assert, layer } from "@effect/vitest"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect } from "effect"
import { caller, grant, prepared, put, revoke } from "../src/beds/AccessBed.ts"
import { modes } from "../src/beds/AccessMode.ts"
import { KubeBed } from "../src/beds/KubeBed.ts"
import { shownOnFailure } from "../src/machine/Logs.ts"
import * as Poll from "../src/machine/Poll.ts"
import * as SecureClient from "../src/clients/SecureClient.ts"
import { options } from "../src/beds/TestBed.ts"

const everySecond = (times: number): Poll.Attempts => ({ times, millis: 1000 })

/** The program in each mode, and a way to ask all of them at once, since decisions live for minutes. */
const started = Effect.fnUntraced(function* (name: string, args: ReadonlyArray<string> = []) {
  const image = yield* prepared
  const programs = yield* Effect.forEach(modes, (mode, index) =>
    Effect.map(mode.start(`${name}-${index}`, args), (program) => {
      const status = (asking: SecureClient.Asking) =>
        SecureClient.statusOf(program.secureUrl(image.digest), asking)
      return {
        ...program,
        ...mode,
        url: program.secureUrl(image.digest),
        status,
        is: (asking: SecureClient.Asking, wanted: number) =>
          Effect.map(status(asking), (found) => assert.strictEqual(found, wanted, mode.name)),
        becomes: (what: string, asking: SecureClient.Asking, wanted: number, seconds: number) =>
          Poll.untilTrue(
            `${what}, ${mode.name}`,
            Effect.map(status(asking), (found) => found === wanted),
            everySecond(seconds)
          )
      }
    })
  )
  type Program = (typeof programs)[number]
  return <E, R>(body: (program: Program) => Effect.Effect<void, E, R>) =>
    Effect.forEach(programs, body, { concurrency: "unbounded", discard: true })
})

layer(KubeBed.layer, options)("Access over time, in both modes at once", (it) => {
  it.effect(
    "uses what it knows while the API server is down, and nothing else",
    () =>
      Effect.gen(function* () {
        const { whileDown } = yield* KubeBed
        const authority = yield* Certificates.makeAuthority
        const each = yield* started("outage", [
          `--client-ca-file=${yield* put("outage.crt", authority.cert)}`
        ])
        const known = { token: yield* caller("known") }
        const stranger = { token: yield* caller("stranger") }
        const refused = { token: "nonsense" }
        const certificate = yield* authority.issue({ commonName: "unreviewed", usage: "client" })
        yield* grant("e2e-known", "packages", { serviceAccount: "known" })
        yield* grant("e2e-stranger", "packages", { serviceAccount: "stranger" })
        yield* each(({ is }) => Effect.andThen(is(known, 200), is(refused, 401)))
        yield* whileDown(
          each(({ answers, becomes, is, metric, secureOrigin, url }) =>
            Effect.gen(function* () {
              yield* is(known, 200)
              const unknown = yield* SecureClient.ask(url, stranger)
              assert.strictEqual(unknown.status, answers.unknownToken)
              assert.strictEqual("retry-after" in unknown.headers, answers.unknownToken === 503)
              yield* is({ certificate }, answers.unknownAccess)
              if (answers.outlastsOutages) {
                // Asked about again after 2 minutes, of which nobody hears; what was said stands.
                yield* Poll.untilTrue(
                  "a token's decision that stands in",
                  Effect.andThen(
                    is(known, 200),
                    Effect.map(
                      metric("authentications_total", 'result="accepted"', 'from="stale"'),
                      (count) => count > 0
                    )
                  ),
                  everySecond(150)
                )
              } else yield* becomes("the end of what is known", known, 401, 150)
              yield* is(refused, 401)
              assert.strictEqual(yield* SecureClient.statusOf(`${secureOrigin}/healthz`), 200)
            })
          )
        )
        yield* each(({ becomes }) =>
          Effect.all([becomes("the API server", stranger, 200, 30), becomes("the same", known, 200, 30)], {
            concurrency: "unbounded",
            discard: true
          })
        )
      }).pipe(Effect.scoped, shownOnFailure),
    { timeout: 420_000 }
  )

  it.effect(
    "gives a right within 30 seconds, and takes it within 5 minutes",
    () =>
      Effect.gen(function* () {
        const each = yield* started("changes")
        const changing = { token: yield* caller("changing") }
        const role = ["e2e-changing", "packages", { serviceAccount: "changing" }] as const
        yield* each(({ is }) => is(changing, 403))
        yield* grant(...role)
        yield* each(({ becomes }) => becomes("the right", changing, 200, 35))
        yield* revoke(...role)
        yield* each(({ is }) => is(changing, 200))
        yield* each(({ becomes }) => becomes("its end", changing, 403, 310))
      }).pipe(Effect.scoped, shownOnFailure),
    { timeout: 420_000 }
  )
})
