import { assert, layer } from "@effect/vitest"
import * as Certificates from "@registry-packages-proxy/testkit/Certificates"
import { Effect, FileSystem, Path } from "effect"
import { fileURLToPath } from "node:url"
import * as Callers from "../src/Callers.ts"
import * as Command from "../src/Command.ts"
import * as CredentialsFile from "../src/CredentialsFile.ts"
import { KubeBed } from "../src/KubeBed.ts"
import * as KubeCluster from "../src/KubeCluster.ts"
import { shownOnFailure } from "../src/Logs.ts"
import * as Poll from "../src/Poll.ts"
import * as Ports from "../src/Ports.ts"
import * as SecureClient from "../src/SecureClient.ts"
import * as SecureProgram from "../src/SecureProgram.ts"
import { options, TestBed } from "../src/TestBed.ts"

const bootstrapClient = fileURLToPath(new URL("../clients/bootstrap.py", import.meta.url))

const everySecond = (times: number): Poll.Attempts => ({ times, millis: 1000 })

/** A service account, and a token of it. */
const caller = Effect.fnUntraced(function* (name: string, lifetimeSeconds?: number, audience?: string) {
  const { admin, tokenOf } = yield* KubeBed
  yield* admin.apply(Callers.serviceAccount(name))
  return yield* tokenOf({ name, namespace: Callers.namespace }, lifetimeSeconds, audience)
})

const grant = (...args: Parameters<typeof Callers.binding>) =>
  Effect.flatMap(KubeBed, ({ admin }) => admin.apply(Callers.binding(...args)))

const revoke = (...args: Parameters<typeof Callers.binding>) =>
  Effect.flatMap(KubeBed, ({ admin }) => admin.remove(Callers.binding(...args)))

/** The roles that manifest.yaml has for callers, and a package to fetch. */
const prepared = Effect.gen(function* () {
  const { admin } = yield* KubeBed
  const { layout, registry } = yield* TestBed
  for (const object of yield* KubeCluster.objectsOf(Callers.manifestFile)) {
    if (object["kind"] === "Role" || object["kind"] === "RoleBinding") yield* admin.apply(object)
  }
  const image = yield* layout.image({ name: "access", size: 300_000, seed: 7 })
  yield* registry.push(layout, image, CredentialsFile.clusterPath)
  return image
})

layer(KubeBed.layer, options)("The secure port, with access by a real API server", (it) => {
  it.effect("lets in by role, per path, and by group", () =>
    Effect.gen(function* () {
      const { admin } = yield* KubeBed
      const image = yield* prepared
      const fs = yield* FileSystem.FileSystem
      const program = yield* SecureProgram.start("access-roles")
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
        const asking = token === undefined ? {} : { token }
        assert.strictEqual(yield* SecureClient.statusOf(url, asking), onPackage)
        assert.strictEqual(yield* SecureClient.statusOf(`${program.secureOrigin}/metrics`, asking), onMetrics)
        for (const probe of ["/healthz", "/readyz"]) {
          assert.strictEqual(yield* SecureClient.statusOf(program.secureOrigin + probe, asking), 200)
        }
      }
      const { body } = yield* SecureClient.ask(url, { token: packages })
      assert.isTrue(body.equals(yield* fs.readFile(image.package.path)))
      assert.strictEqual(yield* SecureClient.statusOf(url, { token: packages, method: "HEAD" }), 200)
      assert.strictEqual(yield* SecureClient.statusOf(url, { token: packages, method: "POST" }), 405)
      const log = program.lines().join("\n")
      for (const token of [packages, metrics, nothing, secret, program.token]) assert.notInclude(log, token)
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("lets in by client certificate, and its certificates are read again", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { directory } = yield* TestBed
      const image = yield* prepared
      const [authority, next] = [yield* Certificates.makeAuthority, yield* Certificates.makeAuthority]
      const file = (name: string) => path.join(directory, `access-${name}`)
      const put = (name: string, text: string) =>
        Effect.andThen(
          fs.writeFileString(`${file(name)}.new`, text),
          fs.rename(`${file(name)}.new`, file(name))
        )
      const serving = yield* authority.issue()
      yield* put("tls.crt", serving.chain)
      yield* put("tls.key", serving.key)
      yield* put("ca.crt", authority.cert)
      const program = yield* SecureProgram.start("access-certificates", [
        `--tls-cert-file=${file("tls.crt")}`,
        `--tls-private-key-file=${file("tls.key")}`,
        `--client-ca-file=${file("ca.crt")}`
      ])
      const url = program.secureUrl(image.digest)
      yield* grant("e2e-user", "packages", { user: "e2e-user" })
      const user = { commonName: "e2e-user", usage: "client" } as const
      const node = { commonName: "system:node:a", organizations: ["system:nodes"], usage: "client" } as const
      const trusting = { ca: authority.cert }
      for (const [request, status] of [
        [user, 200],
        [node, 200],
        [{ ...user, commonName: "another" }, 403],
        [{ ...user, notAfter: new Date(Date.now() - 1000) }, 401]
      ] as const) {
        const certificate = yield* authority.issue(request)
        assert.strictEqual(yield* SecureClient.statusOf(url, { ...trusting, certificate }), status)
      }
      const stranger = yield* next.issue(user)
      assert.strictEqual(yield* SecureClient.statusOf(url, { ...trusting, certificate: stranger }), 401)

      yield* put("ca.crt", next.cert)
      const served = { ...trusting, certificate: stranger }
      const takesStranger = Effect.map(SecureClient.statusOf(url, served), (status) => status === 200)
      yield* Poll.untilTrue("the new client CA", takesStranger, { times: 50, millis: 100 })
      const old = yield* authority.issue(user)
      assert.strictEqual(yield* SecureClient.statusOf(url, { ...trusting, certificate: old }), 401)

      const renewed = yield* authority.issue()
      yield* put("tls.crt", renewed.chain)
      const before = yield* SecureClient.ask(url, served)
      yield* put("tls.key", renewed.key)
      const isRenewed = Effect.map(
        SecureClient.ask(url, served),
        ({ fingerprint }) => fingerprint !== before.fingerprint
      )
      yield* Poll.untilTrue("the new serving certificate", isRenewed, { times: 50, millis: 100 })
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("uses what it knows while the API server is down, and nothing else", () =>
    Effect.gen(function* () {
      const { whileDown } = yield* KubeBed
      const image = yield* prepared
      const program = yield* SecureProgram.start("access-outage")
      const url = program.secureUrl(image.digest)
      const known = yield* caller("known")
      const stranger = yield* caller("stranger")
      yield* grant("e2e-known", "packages", { serviceAccount: "known" })
      yield* grant("e2e-stranger", "packages", { serviceAccount: "stranger" })
      assert.strictEqual(yield* SecureClient.statusOf(url, { token: known }), 200)
      assert.strictEqual(yield* SecureClient.statusOf(url, { token: "nonsense" }), 401)
      yield* whileDown(
        Effect.gen(function* () {
          assert.strictEqual(yield* SecureClient.statusOf(url, { token: known }), 200)
          const unknown = yield* SecureClient.ask(url, { token: stranger })
          assert.strictEqual(unknown.status, 503)
          assert.isDefined(unknown.headers["retry-after"])
          // A refused token is asked about again after 30 s; nobody answers, and the refusal stands.
          yield* Poll.untilTrue(
            "a decision that stands in",
            Effect.gen(function* () {
              assert.strictEqual(yield* SecureClient.statusOf(url, { token: "nonsense" }), 401)
              return (yield* program.metric("authentications_total", 'from="stale"')) > 0
            }),
            everySecond(45)
          )
          assert.strictEqual(yield* SecureClient.statusOf(`${program.secureOrigin}/healthz`), 200)
        })
      )
      const isBack = Effect.map(SecureClient.statusOf(url, { token: stranger }), (status) => status === 200)
      yield* Poll.untilTrue("the API server's answer", isBack, everySecond(30))
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect(
    "gives a right within 30 seconds, and takes it within 5 minutes",
    () =>
      Effect.gen(function* () {
        const image = yield* prepared
        const program = yield* SecureProgram.start("access-changes")
        const url = program.secureUrl(image.digest)
        const token = yield* caller("changing")
        const role = ["e2e-changing", "packages", { serviceAccount: "changing" }] as const
        assert.strictEqual(yield* SecureClient.statusOf(url, { token }), 403)
        yield* grant(...role)
        const is = (wanted: number) =>
          Effect.map(SecureClient.statusOf(url, { token }), (status) => status === wanted)
        yield* Poll.untilTrue("the right", is(200), everySecond(35))
        yield* revoke(...role)
        assert.isTrue(yield* is(200))
        yield* Poll.untilTrue("its end", is(403), everySecond(310))
      }).pipe(Effect.scoped, shownOnFailure),
    { timeout: 420_000 }
  )

  it.effect("costs one review of each kind for 40 first requests with one token", () =>
    Effect.gen(function* () {
      const image = yield* prepared
      const program = yield* SecureProgram.start("access-crowd")
      const url = program.secureUrl(image.digest)
      const token = yield* caller("crowd")
      yield* grant("e2e-crowd", "packages", { serviceAccount: "crowd" })
      const statuses = yield* Effect.all(
        Array.from({ length: 40 }, () => SecureClient.statusOf(url, { token })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(statuses), new Set([200]))
      for (const review of ["TokenReview", "SubjectAccessReview"]) {
        assert.strictEqual(
          yield* program.metric("access_review_seconds_count", `review="${review}"`),
          1,
          review
        )
      }
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
      const [one, two] = [
        yield* SecureProgram.start("access-master-1"),
        yield* SecureProgram.start("access-master-2")
      ]
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
