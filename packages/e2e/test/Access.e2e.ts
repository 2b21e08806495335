import { assert, describe, layer } from "@effect/vitest"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Console, Effect, FileSystem, Path } from "effect"
import { fileURLToPath } from "node:url"
import { caller, grant, prepared, put, putPair, reviews } from "../src/beds/AccessBed.ts"
import { modes, type Who } from "../src/beds/AccessMode.ts"
import * as Callers from "../src/clients/Callers.ts"
import * as Command from "../src/run/Command.ts"
import { KubeBed } from "../src/beds/KubeBed.ts"
import * as KubeCluster from "../src/servers/KubeCluster.ts"
import { shownOnFailure } from "../src/machine/Logs.ts"
import * as Poll from "../src/machine/Poll.ts"
import * as Ports from "../src/machine/Ports.ts"
import * as SecureClient from "../src/clients/SecureClient.ts"
import { options, TestBed } from "../src/beds/TestBed.ts"

const bootstrapClient = fileURLToPath(new URL("../clients/bootstrap.py", import.meta.url))

/** Paths that some readers take for /package or /healthz, as they are sent. */
const disguises = {
  unknown: [
    "/package/",
    "/Package",
    "/%70ackage",
    "/package%2f",
    "/package;",
    "/healthz/package",
    "/healthz;/package",
    "/healthz%2f..%2fpackage",
    "/healthz/..%2fpackage"
  ],
  unclean: ["//package", "/./package", "/healthz/../package", "/package/../package", "/healthz//package"]
}

/** What claims to be someone. */
const claims = {
  "x-remote-user": "system:admin",
  "x-remote-group": "system:masters",
  "x-remote-groups": "system:masters",
  "impersonate-user": "system:admin",
  "x-forwarded-client-cert": "Subject=CN=system:admin"
}

layer(KubeBed.layer, options)("The secure port, with access by a real API server", (it) => {
  describe.each(modes)("$name", ({ answers, start }) => {
    it.effect("lets in by role, per path, and by group", () =>
      Effect.gen(function* () {
        const { admin } = yield* KubeBed
        const image = yield* prepared
        const fs = yield* FileSystem.FileSystem
        const program = yield* start("access-roles")
        const packages = yield* caller("may-fetch")
        const metrics = yield* caller("may-watch")
        const nothing = yield* caller("may-nothing")
        yield* grant("e2e-fetch", "packages", { serviceAccount: "may-fetch" })
        yield* grant("e2e-watch", "metrics", { serviceAccount: "may-watch" })
        yield* admin.apply(Callers.bootstrapSecret)
        const { id, secret } = Callers.bootstrapToken
        const url = program.secureUrl(image.digest)
        for (const [token, onPackage, onMetrics] of [
          [packages, 200, 403],
          [metrics, 403, 200],
          [nothing, 403, 403],
          [`${id}.${secret}`, 200, 403],
          [`${id}.fedcba9876543210`, 401, 401],
          ["nonsense", 401, 401],
          [`${packages}x`, 401, 401],
          [yield* caller("may-fetch", -60), 401, 401],
          [yield* caller("may-fetch", 600, "https://elsewhere.example"), 401, 401],
          [undefined, 401, 401]
        ] as const) {
          const asking = { token }
          assert.strictEqual(yield* SecureClient.statusOf(url, asking), onPackage)
          assert.strictEqual(
            yield* SecureClient.statusOf(`${program.secureOrigin}/metrics`, asking),
            answers.metricsAreApart ? onMetrics : onPackage
          )
          for (const probe of ["/healthz", "/readyz"]) {
            assert.strictEqual(yield* SecureClient.statusOf(program.secureOrigin + probe, asking), 200)
          }
        }
        const { body } = yield* SecureClient.ask(url, { token: packages })
        assert.isTrue(body.equals(yield* fs.readFile(image.package.path)))
        const part = yield* SecureClient.ask(url, { token: packages, headers: { range: "bytes=10-19" } })
        assert.deepStrictEqual([part.status, part.body], [206, body.subarray(10, 20)])
        const ask = (method: string) => SecureClient.statusOf(url, { token: packages, method })
        assert.strictEqual(yield* ask("HEAD"), answers.head)
        assert.strictEqual(yield* ask("POST"), answers.post)
        const log = program.lines().join("\n")
        for (const token of [packages, metrics, nothing, secret, program.token]) assert.notInclude(log, token)
      }).pipe(Effect.scoped, shownOnFailure)
    )

    it.effect("lets nobody in by another path, or by headers, and says why not", () =>
      Effect.gen(function* () {
        const image = yield* prepared
        const program = yield* start("access-paths")
        yield* grant("e2e-path", "packages", { serviceAccount: "path-allowed" })
        const tokens: Readonly<Record<Who, string | undefined>> = {
          allowed: yield* caller("path-allowed"),
          denied: yield* caller("path-denied"),
          nobody: undefined
        }
        const url = program.secureUrl(image.digest)
        const { search } = new URL(url)
        const everyone: ReadonlyArray<Who> = ["allowed", "denied", "nobody"]
        for (const who of everyone) {
          const ask = (target: string) =>
            SecureClient.statusOf(url, { token: tokens[who], target: `${target}${search}` })
          for (const path of disguises.unknown) {
            assert.include(answers.unknownPath[who], yield* ask(path), `${path} by ${who}`)
          }
          for (const path of disguises.unclean) {
            assert.include(answers.uncleanPath, yield* ask(path), `${path} by ${who}`)
          }
          const expected = { allowed: 200, denied: 403, nobody: 401 }[who]
          assert.strictEqual(yield* ask("https://elsewhere.example/package"), expected)
          assert.strictEqual(
            yield* SecureClient.statusOf(url, { token: tokens[who], headers: claims }),
            expected
          )
          // Whoever may is not asked to be someone, and the other way round.
          assert.strictEqual(yield* ask("/healthz"), 200)
        }
        // Decoded, it is a probe's path; the program does not decode.
        assert.strictEqual(yield* SecureClient.statusOf(url, { target: "/%68ealthz" }), 404)
        for (const token of [tokens.denied, undefined, "nonsense"]) {
          const { headers } = yield* SecureClient.ask(url, { token })
          assert.strictEqual(headers["content-type"], answers.refusal.type)
          if (token !== tokens.denied) {
            assert.strictEqual(headers["www-authenticate"], answers.refusal.challenge)
          }
        }
      }).pipe(Effect.scoped, shownOnFailure)
    )

    it.effect("lets in by client certificate, and its certificates are read again", () =>
      Effect.gen(function* () {
        const image = yield* prepared
        const authority = yield* Certificates.makeAuthority
        // No root: every certificate in the file is an anchor.
        const next = yield* (yield* Certificates.makeAuthority).intermediate()
        const files = yield* putPair("tls", yield* authority.issue())
        const program = yield* start("access-certificates", [
          `--tls-cert-file=${files.certificate}`,
          `--tls-private-key-file=${files.key}`,
          `--client-ca-file=${yield* put("ca.crt", authority.cert)}`
        ])
        const url = program.secureUrl(image.digest)
        yield* grant("e2e-user", "packages", { user: "e2e-user" })
        yield* grant("e2e-beside", "packages", { serviceAccount: "beside" })
        const user = { commonName: "e2e-user", usage: "client" } as const
        const node = {
          commonName: "system:node:a",
          organizations: ["system:nodes"],
          usage: "client"
        } as const
        const trusting = { ca: authority.cert }
        for (const [request, status] of [
          [user, 200],
          [node, 200],
          [{ ...user, usage: "any" }, 200],
          [{ ...user, usage: "server" }, 401],
          [{ ...user, commonName: "another" }, 403],
          [{ ...user, notAfter: new Date(Date.now() - 1000) }, 401]
        ] as const) {
          const certificate = yield* authority.issue(request)
          assert.strictEqual(yield* SecureClient.statusOf(url, { ...trusting, certificate }), status)
        }
        const stranger = yield* next.issue(user)
        const served = { ...trusting, certificate: stranger }
        assert.strictEqual(yield* SecureClient.statusOf(url, served), 401)
        assert.strictEqual(
          yield* SecureClient.statusOf(url, { ...served, token: yield* caller("beside") }),
          200
        )

        yield* put("ca.crt", next.cert)
        const takesStranger = SecureClient.statusOf(url, served).pipe(
          Effect.map((status) => status === 200),
          // A handshake that the change finds in progress is not believed: the client comes again.
          Effect.orElseSucceed(() => false)
        )
        yield* Poll.untilTrue("the new client CA", takesStranger, { times: 50, millis: 100 })
        const old = yield* authority.issue(user)
        assert.strictEqual(yield* SecureClient.statusOf(url, { ...trusting, certificate: old }), 401)

        const before = yield* SecureClient.ask(url, served)
        yield* putPair("tls", yield* authority.issue())
        const isRenewed = Effect.map(
          SecureClient.ask(url, served),
          ({ fingerprint }) => fingerprint !== before.fingerprint
        )
        yield* Poll.untilTrue("the new serving certificate", isRenewed, { times: 50, millis: 100 })
      }).pipe(Effect.scoped, shownOnFailure)
    )

    it.effect("costs one TokenReview for 40 first requests with one token", () =>
      Effect.gen(function* () {
        const image = yield* prepared
        const program = yield* start("access-crowd")
        const url = program.secureUrl(image.digest)
        const token = yield* caller("crowd")
        yield* grant("e2e-crowd", "packages", { serviceAccount: "crowd" })
        const before = [yield* reviews("tokenreviews"), yield* reviews("subjectaccessreviews")] as const
        const statuses = yield* Effect.all(
          Array.from({ length: 40 }, () => SecureClient.statusOf(url, { token })),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(new Set(statuses), new Set([200]))
        // The API server counts a request a moment after it was answered.
        yield* Poll.untilTrue(
          "one TokenReview",
          Effect.map(reviews("tokenreviews"), (count) => count - before[0] === 1)
        )
        const access = (yield* reviews("subjectaccessreviews")) - before[1]
        yield* Console.log(`40 first requests with one token: ${access} SubjectAccessReviews`)
        assert.isAtMost(access, answers.reviewsOfForty)
        assert.isAtLeast(access, 1)
      }).pipe(Effect.scoped, shownOnFailure)
    )

    it.effect("serves a node that bootstraps from any of three masters, one of them down", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const { directory } = yield* TestBed
        const { admin } = yield* KubeBed
        const image = yield* prepared
        yield* admin.apply(Callers.bootstrapSecret)
        const [one, two] = [yield* start("access-master-1"), yield* start("access-master-2")]
        const endpoints = [
          ...[one, two].map(({ secureOrigin }) => new URL(secureOrigin).host),
          `127.0.0.1:${yield* Ports.free}`
        ]
        const { id, secret } = Callers.bootstrapToken
        const content = yield* fs.readFile(image.package.path)
        for (let turn = 0; turn < 5; turn++) {
          const out = path.join(directory, `bootstrapped-${turn}`)
          yield* Command.run("python3", [bootstrapClient, `${id}.${secret}`, image.digest, out, ...endpoints])
          assert.isTrue(Buffer.from(content).equals(yield* fs.readFile(out)))
        }
      }).pipe(Effect.scoped, shownOnFailure)
    )
  })

  it.effect("takes every object of manifest.yaml, strictly", () =>
    Effect.gen(function* () {
      const { admin } = yield* KubeBed
      const objects = yield* KubeCluster.objectsOf(Callers.manifestFile)
      assert.isAbove(objects.length, 10)
      for (const object of objects) yield* admin.dryRun(object)
      // What is not a field is refused, so that the above says something.
      const [first = {}] = objects
      const refused = yield* Effect.flip(admin.dryRun({ ...first, spce: {} }))
      assert.match(refused.message, /spce/)
    }).pipe(shownOnFailure)
  )
})
