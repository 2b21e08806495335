import { assert, describe, it } from "@effect/vitest"
import { captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { makeAuthority, type IssuedCertificate } from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, FileSystem, Layer, Option, PlatformError, Redacted } from "effect"
import { PrometheusMetrics } from "effect/observability"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { X509Certificate } from "node:crypto"
import { type MaterialSources, TlsMaterial } from "../src/TlsMaterial.ts"

/** Returns a layer with a file system of in-memory files. `files` has the text of each file by its path. */
const fileSystem = (files: ReadonlyMap<string, string>): Layer.Layer<FileSystem.FileSystem> => {
  const find = (path: string) =>
    Effect.suspend(() => {
      const text = files.get(path)
      return text === undefined
        ? Effect.fail(PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "stat" }))
        : Effect.succeed(text)
    })
  return FileSystem.layerNoop({
    stat: (path) =>
      Effect.map(
        find(path),
        (text) => ({ type: "File", size: BigInt(text.length) }) as unknown as FileSystem.File.Info
      ),
    readFileString: find
  })
}

const sources: MaterialSources = {
  serving: { _tag: "Files", certificate: "/tls.crt", privateKey: "/tls.key" },
  clientAuthorities: Option.some("/ca.crt")
}

const setUp = Effect.gen(function* () {
  const authority = yield* makeAuthority
  const one = yield* authority.issue()
  const two = yield* authority.issue({ notAfter: new Date("2031-01-01T00:00:00Z") })
  const files = new Map([
    ["/tls.crt", one.chain],
    ["/tls.key", one.key],
    ["/ca.crt", authority.cert]
  ])
  const put = ({ chain, key }: IssuedCertificate) => files.set("/tls.crt", chain).set("/tls.key", key)
  const log = captureLog()
  return {
    authority,
    one,
    two,
    files,
    put,
    log,
    layer: (own: MaterialSources = sources) =>
      TlsMaterial.layer(own).pipe(Layer.provide(fileSystem(files)), Layer.provideMerge(log.layer))
  }
})

const current = Effect.flatMap(TlsMaterial, ({ get }) => get)
const later = Effect.andThen(TestClock.adjust("3 seconds"), current)

describe("TlsMaterial", () => {
  it.effect("uses a new key pair within 5 seconds of its change", () =>
    Effect.gen(function* () {
      const { layer, one, put, two } = yield* setUp
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* current).serving.certificates, one.chain)
        put(two)
        const { serving } = yield* later
        assert.strictEqual(serving.certificates, two.chain)
        assert.strictEqual(Redacted.value(serving.privateKey), two.key)
        const metrics = yield* PrometheusMetrics.format()
        const end = Date.parse("2031-01-01T00:00:00Z") / 1000
        assert.include(
          metrics,
          `registry_packages_proxy_tls_certificate_expiry_timestamp_seconds{certificate="serving"} ${end}`
        )
      }).pipe(Effect.provide(layer()))
    })
  )

  it.effect("keeps the previous key pair while the files are mismatched, malformed or missing", () =>
    Effect.gen(function* () {
      const { files, layer, log, one, put, two } = yield* setUp
      yield* Effect.gen(function* () {
        for (const spoil of [
          () => files.set("/tls.crt", two.chain),
          () => files.set("/tls.key", "nonsense"),
          () => files.set("/tls.crt", ""),
          () => files.delete("/tls.key")
        ]) {
          log.lines.length = 0
          spoil()
          assert.strictEqual((yield* later).serving.certificates, one.chain)
          assert.strictEqual((yield* later).serving.certificates, one.chain)
          assert.lengthOf(log.lines, 1)
          assert.match(log.lines[0] ?? "", /^Warn .*previous.*serving/)
          assert.notInclude(log.lines[0] ?? "", "PRIVATE KEY")
          assert.include(yield* PrometheusMetrics.format(), `tls_certificate_broken{certificate="serving"} 1`)
        }
        put(two)
        assert.strictEqual((yield* later).serving.certificates, two.chain)
        assert.include(yield* PrometheusMetrics.format(), `tls_certificate_broken{certificate="serving"} 0`)
      }).pipe(Effect.provide(layer()))
    })
  )

  it.effect("logs nothing if certificate and key are replaced one after the other", () =>
    Effect.gen(function* () {
      const { files, layer, log, two } = yield* setUp
      yield* Effect.gen(function* () {
        files.set("/tls.crt", two.chain)
        yield* TestClock.adjust("1 seconds")
        files.set("/tls.key", two.key)
        assert.strictEqual((yield* later).serving.certificates, two.chain)
        assert.deepStrictEqual(
          log.lines.filter((line) => line.startsWith("Warn")),
          []
        )
      }).pipe(Effect.provide(layer()))
    })
  )

  it.effect("uses new client authorities, and keeps the old ones while the file is malformed", () =>
    Effect.gen(function* () {
      const { authority, files, layer } = yield* setUp
      const other = yield* makeAuthority
      yield* Effect.gen(function* () {
        files.set("/ca.crt", "nonsense")
        assert.deepStrictEqual((yield* later).clientAuthorities, Option.some(authority.cert))
        files.set("/ca.crt", other.cert)
        assert.deepStrictEqual((yield* later).clientAuthorities, Option.some(other.cert))
      }).pipe(Effect.provide(layer()))
    })
  )

  it.effect("fails at start if a file is invalid, and names the file and the reason", () =>
    Effect.gen(function* () {
      for (const [file, text, certificate, detail] of [
        ["/tls.crt", "nonsense", "serving", /no valid PEM certificate/],
        ["/tls.key", "nonsense", "serving", /private key/],
        ["/tls.key", undefined, "serving", /tls.key does not exist/],
        ["/ca.crt", "nonsense", "client-ca", /no valid PEM certificates/]
      ] as const) {
        const { files, layer } = yield* setUp
        if (text === undefined) files.delete(file)
        else files.set(file, text)
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer())))
        assert.strictEqual(error.certificate, certificate)
        assert.match(error.detail, detail)
      }
    })
  )

  it.effect("makes a self-signed certificate without files", () =>
    Effect.gen(function* () {
      const { layer } = yield* setUp
      const names = ["master-0", "10.1.2.3"]
      yield* Effect.gen(function* () {
        const { clientAuthorities, serving } = yield* current
        const certificate = new X509Certificate(serving.certificates)
        assert.strictEqual(certificate.checkIP("10.1.2.3"), "10.1.2.3")
        assert.strictEqual(certificate.checkHost("master-0"), "master-0")
        assert.isTrue(Option.isNone(clientAuthorities))
      }).pipe(
        Effect.provide(layer({ serving: { _tag: "SelfSigned", names }, clientAuthorities: Option.none() }))
      )
    })
  )
})
