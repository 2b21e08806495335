import { assert, describe, layer } from "@effect/vitest"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Console, Effect, FileSystem, Path } from "effect"
import { fileURLToPath } from "node:url"
import {
  serviceAccountToken,
  grant,
  prepareAccess,
  replaceFile,
  replaceKeyPair,
  reviewCount
} from "../src/fixtures/AccessFixture.ts"
import { accessModes, type ClientKind } from "../src/fixtures/AccessMode.ts"
import * as AccessSubjects from "../src/clients/AccessSubjects.ts"
import * as Command from "../src/run/Command.ts"
import { KubernetesFixture } from "../src/fixtures/KubernetesFixture.ts"
import * as KubeCluster from "../src/servers/KubeCluster.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import * as Ports from "../src/machine/Ports.ts"
import * as SecureClient from "../src/clients/SecureClient.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

const bootstrapClient = fileURLToPath(new URL("../clients/bootstrap.py", import.meta.url))

/**
 * Request paths that some servers treat as /package or /healthz, but registry-packages-proxy must not. `unclean` paths
 * have empty or dot segments.
 */
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

/** Headers with which a client pretends to be another user. */
const claims = {
  "x-remote-user": "system:admin",
  "x-remote-group": "system:masters",
  "x-remote-groups": "system:masters",
  "impersonate-user": "system:admin",
  "x-forwarded-client-cert": "Subject=CN=system:admin"
}

layer(KubernetesFixture.layer, layerOptions)(
  "The secure port with access control by a real API server",
  (it) => {
    describe.each(accessModes)("$name", ({ expectedResponses, start }) => {
      it.effect("allows each path by the roles of users and groups", () =>
        Effect.gen(function* () {
          const { admin } = yield* KubernetesFixture
          const image = yield* prepareAccess
          const fs = yield* FileSystem.FileSystem
          const program = yield* start("access-roles")
          const packages = yield* serviceAccountToken("may-fetch")
          const metrics = yield* serviceAccountToken("may-watch")
          const nothing = yield* serviceAccountToken("may-nothing")
          yield* grant("e2e-fetch", "packages", { serviceAccount: "may-fetch" })
          yield* grant("e2e-watch", "metrics", { serviceAccount: "may-watch" })
          yield* admin.apply(AccessSubjects.bootstrapSecret)
          const { id, secret } = AccessSubjects.bootstrapToken
          const url = program.secureUrl(image.digest)
          for (const [token, onPackage, onMetrics] of [
            [packages, 200, 403],
            [metrics, 403, 200],
            [nothing, 403, 403],
            [`${id}.${secret}`, 200, 403],
            [`${id}.fedcba9876543210`, 401, 401],
            ["nonsense", 401, 401],
            [`${packages}x`, 401, 401],
            [yield* serviceAccountToken("may-fetch", -60), 401, 401],
            [yield* serviceAccountToken("may-fetch", 600, "https://elsewhere.example"), 401, 401],
            [undefined, 401, 401]
          ] as const) {
            const asking = { token }
            assert.strictEqual(yield* SecureClient.statusOf(url, asking), onPackage)
            assert.strictEqual(
              yield* SecureClient.statusOf(`${program.secureOrigin}/metrics`, asking),
              expectedResponses.separatesMetrics ? onMetrics : onPackage
            )
            for (const probe of ["/healthz", "/readyz"]) {
              assert.strictEqual(yield* SecureClient.statusOf(program.secureOrigin + probe, asking), 200)
            }
          }
          const { body } = yield* SecureClient.send(url, { token: packages })
          assert.isTrue(body.equals(yield* fs.readFile(image.package.path)))
          const part = yield* SecureClient.send(url, { token: packages, headers: { range: "bytes=10-19" } })
          assert.deepStrictEqual([part.status, part.body], [206, body.subarray(10, 20)])
          const ask = (method: string) => SecureClient.statusOf(url, { token: packages, method })
          assert.strictEqual(yield* ask("HEAD"), expectedResponses.headStatus)
          assert.strictEqual(yield* ask("POST"), expectedResponses.postStatus)
          const log = program.lines().join("\n")
          for (const token of [packages, metrics, nothing, secret, program.token])
            assert.notInclude(log, token)
        }).pipe(Effect.scoped, showLogsOnFailure)
      )

      it.effect("cannot be bypassed by other paths or header fields", () =>
        Effect.gen(function* () {
          const image = yield* prepareAccess
          const program = yield* start("access-paths")
          yield* grant("e2e-path", "packages", { serviceAccount: "path-allowed" })
          const tokens: Readonly<Record<ClientKind, string | undefined>> = {
            allowed: yield* serviceAccountToken("path-allowed"),
            denied: yield* serviceAccountToken("path-denied"),
            nobody: undefined
          }
          const url = program.secureUrl(image.digest)
          const { search } = new URL(url)
          const everyone: ReadonlyArray<ClientKind> = ["allowed", "denied", "nobody"]
          for (const who of everyone) {
            const ask = (target: string) =>
              SecureClient.statusOf(url, { token: tokens[who], target: `${target}${search}` })
            for (const path of disguises.unknown) {
              assert.include(
                expectedResponses.unknownPathStatuses[who],
                yield* ask(path),
                `${path} by ${who}`
              )
            }
            for (const path of disguises.unclean) {
              assert.include(expectedResponses.uncleanPathStatuses, yield* ask(path), `${path} by ${who}`)
            }
            const expected = { allowed: 200, denied: 403, nobody: 401 }[who]
            assert.strictEqual(yield* ask("https://elsewhere.example/package"), expected)
            assert.strictEqual(
              yield* SecureClient.statusOf(url, { token: tokens[who], headers: claims }),
              expected
            )
            // /healthz requires no permission, even with the query of a package request.
            assert.strictEqual(yield* ask("/healthz"), 200)
          }
          // The decoded path is /healthz, but the program does not decode paths.
          assert.strictEqual(yield* SecureClient.statusOf(url, { target: "/%68ealthz" }), 404)
          for (const token of [tokens.denied, undefined, "nonsense"]) {
            const { headers } = yield* SecureClient.send(url, { token })
            assert.strictEqual(headers["content-type"], expectedResponses.refusal.type)
            if (token !== tokens.denied) {
              assert.strictEqual(headers["www-authenticate"], expectedResponses.refusal.challenge)
            }
          }
        }).pipe(Effect.scoped, showLogsOnFailure)
      )

      it.effect("allows by client certificate, and reloads its certificates", () =>
        Effect.gen(function* () {
          const image = yield* prepareAccess
          const authority = yield* Certificates.makeAuthority
          // An intermediate authority is accepted, because every certificate in the file is a trust anchor.
          const next = yield* (yield* Certificates.makeAuthority).makeIntermediate()
          const files = yield* replaceKeyPair("tls", yield* authority.issue())
          const program = yield* start("access-certificates", [
            `--tls-cert-file=${files.certificate}`,
            `--tls-private-key-file=${files.key}`,
            `--client-ca-file=${yield* replaceFile("ca.crt", authority.cert)}`
          ])
          const url = program.secureUrl(image.digest)
          yield* grant("e2e-user", "packages", { user: "e2e-user" })
          yield* grant("e2e-beside", "packages", { serviceAccount: "beside" })
          const user = { commonName: "e2e-user", extendedKeyUsage: "client" } as const
          const node = {
            commonName: "system:node:a",
            organizations: ["system:nodes"],
            extendedKeyUsage: "client"
          } as const
          const trusting = { ca: authority.cert }
          for (const [request, status] of [
            [user, 200],
            [node, 200],
            [{ ...user, extendedKeyUsage: "any" }, 200],
            [{ ...user, extendedKeyUsage: "server" }, 401],
            [{ ...user, commonName: "another" }, 403],
            [{ ...user, notAfter: new Date(Date.now() - 1000) }, 401]
          ] as const) {
            const certificate = yield* authority.issue(request)
            assert.strictEqual(
              yield* SecureClient.statusOf(url, { ...trusting, clientCertificate: certificate }),
              status
            )
          }
          const stranger = yield* next.issue(user)
          const served = { ...trusting, clientCertificate: stranger }
          assert.strictEqual(yield* SecureClient.statusOf(url, served), 401)
          assert.strictEqual(
            yield* SecureClient.statusOf(url, { ...served, token: yield* serviceAccountToken("beside") }),
            200
          )

          yield* replaceFile("ca.crt", next.cert)
          const takesStranger = SecureClient.statusOf(url, served).pipe(
            Effect.map((status) => status === 200),
            // While the program reloads the file, a handshake may fail. The client tries again.
            Effect.orElseSucceed(() => false)
          )
          yield* Eventually.isTrue("the new client CA", takesStranger, { times: 50, intervalMillis: 100 })
          const old = yield* authority.issue(user)
          assert.strictEqual(yield* SecureClient.statusOf(url, { ...trusting, clientCertificate: old }), 401)

          const before = yield* SecureClient.send(url, served)
          yield* replaceKeyPair("tls", yield* authority.issue())
          const isRenewed = Effect.map(
            SecureClient.send(url, served),
            ({ serverFingerprint }) => serverFingerprint !== before.serverFingerprint
          )
          yield* Eventually.isTrue("the new serving certificate", isRenewed, {
            times: 50,
            intervalMillis: 100
          })
        }).pipe(Effect.scoped, showLogsOnFailure)
      )

      it.effect("sends one TokenReview for 40 concurrent first requests with one token", () =>
        Effect.gen(function* () {
          const image = yield* prepareAccess
          const program = yield* start("access-crowd")
          const url = program.secureUrl(image.digest)
          const token = yield* serviceAccountToken("crowd")
          yield* grant("e2e-crowd", "packages", { serviceAccount: "crowd" })
          const before = [
            yield* reviewCount("tokenreviews"),
            yield* reviewCount("subjectaccessreviews")
          ] as const
          const statuses = yield* Effect.all(
            Array.from({ length: 40 }, () => SecureClient.statusOf(url, { token })),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(new Set(statuses), new Set([200]))
          // The API server counts a request a moment after its response.
          yield* Eventually.isTrue(
            "one TokenReview",
            Effect.map(reviewCount("tokenreviews"), (count) => count - before[0] === 1)
          )
          const access = (yield* reviewCount("subjectaccessreviews")) - before[1]
          yield* Console.log(`40 first requests with one token: ${access} SubjectAccessReviews`)
          assert.isAtMost(access, expectedResponses.maxReviewsOfForty)
          assert.isAtLeast(access, 1)
        }).pipe(Effect.scoped, showLogsOnFailure)
      )

      it.effect("serves a bootstrapping node from any of three masters while one is down", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const path = yield* Path.Path
          const { directory } = yield* RegistryFixture
          const { admin } = yield* KubernetesFixture
          const image = yield* prepareAccess
          yield* admin.apply(AccessSubjects.bootstrapSecret)
          const [one, two] = [yield* start("access-master-1"), yield* start("access-master-2")]
          const endpoints = [
            ...[one, two].map(({ secureOrigin }) => new URL(secureOrigin).host),
            `127.0.0.1:${yield* Ports.free}`
          ]
          const { id, secret } = AccessSubjects.bootstrapToken
          const content = yield* fs.readFile(image.package.path)
          for (let turn = 0; turn < 5; turn++) {
            const out = path.join(directory, `bootstrapped-${turn}`)
            yield* Command.run("python3", [
              bootstrapClient,
              `${id}.${secret}`,
              image.digest,
              out,
              ...endpoints
            ])
            assert.isTrue(Buffer.from(content).equals(yield* fs.readFile(out)))
          }
        }).pipe(Effect.scoped, showLogsOnFailure)
      )
    })

    it.effect("accepts every object of manifest.yaml under strict validation", () =>
      Effect.gen(function* () {
        const { admin } = yield* KubernetesFixture
        const objects = yield* KubeCluster.readObjects(AccessSubjects.manifestFile)
        assert.isAbove(objects.length, 10)
        for (const object of objects) yield* admin.dryRun(object)
        // Proves that unknown fields are refused.
        const [first = {}] = objects
        const refused = yield* Effect.flip(admin.dryRun({ ...first, spce: {} }))
        assert.match(refused.message, /spce/)
      }).pipe(showLogsOnFailure)
    )
  }
)
