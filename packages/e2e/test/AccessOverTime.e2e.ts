import { assert, layer } from "@effect/vitest"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect } from "effect"
import {
  serviceAccountToken,
  grant,
  prepareAccess,
  replaceFile,
  revoke
} from "../src/fixtures/AccessFixture.ts"
import { accessModes } from "../src/fixtures/AccessMode.ts"
import { KubernetesFixture } from "../src/fixtures/KubernetesFixture.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import * as SecureClient from "../src/clients/SecureClient.ts"
import { layerOptions } from "../src/fixtures/RegistryFixture.ts"

const everySecond = (times: number): Eventually.Attempts => ({ times, intervalMillis: 1000 })

/**
 * Starts registry-packages-proxy once in each access mode. Returns a function that runs a test body for all access
 * modes in parallel, because each test body waits for minutes until cached decisions expire.
 */
const started = Effect.fnUntraced(function* (name: string, args: ReadonlyArray<string> = []) {
  const image = yield* prepareAccess
  const programs = yield* Effect.forEach(accessModes, (mode, index) =>
    Effect.map(mode.start(`${name}-${index}`, args), (program) => {
      const status = (asking: SecureClient.SecureRequestOptions) =>
        SecureClient.statusOf(program.secureUrl(image.digest), asking)
      return {
        ...program,
        ...mode,
        url: program.secureUrl(image.digest),
        status,
        is: (asking: SecureClient.SecureRequestOptions, wanted: number) =>
          Effect.map(status(asking), (found) => assert.strictEqual(found, wanted, mode.name)),
        becomes: (what: string, asking: SecureClient.SecureRequestOptions, wanted: number, seconds: number) =>
          Eventually.isTrue(
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

layer(KubernetesFixture.layer, layerOptions)("Access over time, in both modes at once", (it) => {
  it.effect(
    "uses only cached decisions while the API server is down",
    () =>
      Effect.gen(function* () {
        const { whileDown } = yield* KubernetesFixture
        const authority = yield* Certificates.makeAuthority
        const each = yield* started("outage", [
          `--client-ca-file=${yield* replaceFile("outage.crt", authority.cert)}`
        ])
        const known = { token: yield* serviceAccountToken("known") }
        const stranger = { token: yield* serviceAccountToken("stranger") }
        const refused = { token: "nonsense" }
        const certificate = yield* authority.issue({ commonName: "unreviewed", extendedKeyUsage: "client" })
        yield* grant("e2e-known", "packages", { serviceAccount: "known" })
        yield* grant("e2e-stranger", "packages", { serviceAccount: "stranger" })
        yield* each(({ is }) => Effect.andThen(is(known, 200), is(refused, 401)))
        yield* whileDown(
          each(({ expectedResponses, becomes, is, metric, secureOrigin, url }) =>
            Effect.gen(function* () {
              yield* is(known, 200)
              const unknown = yield* SecureClient.send(url, stranger)
              assert.strictEqual(unknown.status, expectedResponses.uncachedTokenStatus)
              assert.strictEqual(
                "retry-after" in unknown.headers,
                expectedResponses.uncachedTokenStatus === 503
              )
              yield* is({ clientCertificate: certificate }, expectedResponses.uncachedPermissionsStatus)
              if (expectedResponses.reusesStaleDecisions) {
                // The decision expires after 2 minutes, the review fails, and the stale decision is reused.
                yield* Eventually.isTrue(
                  "a stale decision of a token",
                  Effect.andThen(
                    is(known, 200),
                    Effect.map(
                      metric("authentications_total", 'result="accepted"', 'from="stale"'),
                      (count) => count > 0
                    )
                  ),
                  everySecond(150)
                )
              } else yield* becomes("the end of the cached decision", known, 401, 150)
              yield* is(refused, 401)
              assert.strictEqual(yield* SecureClient.statusOf(`${secureOrigin}/healthz`), 200)
            })
          )
        )
        yield* each(({ becomes }) =>
          Effect.all(
            [
              becomes("the restarted API server", stranger, 200, 30),
              becomes("the same for the other token", known, 200, 30)
            ],
            {
              concurrency: "unbounded",
              discard: true
            }
          )
        )
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout: 420_000 }
  )

  it.effect(
    "grants a right within 30 seconds, and revokes it within 5 minutes",
    () =>
      Effect.gen(function* () {
        const each = yield* started("changes")
        const changing = { token: yield* serviceAccountToken("changing") }
        const role = ["e2e-changing", "packages", { serviceAccount: "changing" }] as const
        yield* each(({ is }) => is(changing, 403))
        yield* grant(...role)
        yield* each(({ becomes }) => becomes("the granted right", changing, 200, 35))
        yield* revoke(...role)
        yield* each(({ is }) => is(changing, 200))
        yield* each(({ becomes }) => becomes("the revoked right", changing, 403, 310))
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout: 420_000 }
  )
})
