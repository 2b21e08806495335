import { assert, describe, it } from "@effect/vitest"
import {
  type AuthorityOptions,
  type CertificateOptions,
  makeAuthorityWith
} from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, Option, Result, Schema } from "effect"
import { X509Certificate } from "node:crypto"
import * as PeerCertificate from "../src/PeerCertificate.ts"

const purpose = "INVALID_PURPOSE"

/**
 * Issues a client certificate and returns the result of `PeerCertificate.check`. `options.error` is the name of
 * OpenSSL's verification error.
 */
const checkIssued = Effect.fnUntraced(function* (
  request: CertificateOptions,
  options: { readonly error?: string; readonly authority?: AuthorityOptions; readonly anchors?: string } = {}
) {
  const authority = yield* makeAuthorityWith(options.authority ?? {})
  const { cert } = yield* authority.issue({ extendedKeyUsage: "client", commonName: "alice", ...request })
  return PeerCertificate.check(
    new X509Certificate(cert),
    options.error,
    PeerCertificate.authoritiesOf(options.anchors ?? authority.cert),
    Date.now()
  )
})

const outcome = ({ result }: PeerCertificate.PeerCertificate): string =>
  Result.match(result, { onSuccess: ({ user }) => user.name, onFailure: (reason) => reason })

describe("PeerCertificate", () => {
  it.effect("reads the name from CN and the groups from O, and adds the group of authenticated users", () =>
    Effect.gen(function* () {
      const notAfter = new Date("2030-01-02T03:04:05Z")
      const { result, subject } = yield* checkIssued({
        commonName: "system:node:a",
        organizations: ["system:nodes", "others"],
        notAfter
      })
      const read = Result.getOrThrow(result)
      assert.strictEqual(read.user.name, "system:node:a")
      assert.sameMembers([...read.user.groups], ["system:nodes", "others", "system:authenticated"])
      assert.strictEqual(read.notAfter, notAfter.getTime())
      assert.match(
        read.user.extra["authentication.kubernetes.io/credential-id"]?.[0] ?? "",
        /^X509SHA256=[0-9a-f]{64}$/
      )
      assert.strictEqual(subject, "CN=system:node:a, O=system:nodes, O=others")
    })
  )

  it.effect("has only the group of authenticated users if the certificate names no group", () =>
    Effect.gen(function* () {
      const { result } = yield* checkIssued({})
      assert.deepStrictEqual(Result.getOrThrow(result).user.groups, ["system:authenticated"])
    })
  )

  it.effect("is refused if its subject has no common name or several", () =>
    Effect.gen(function* () {
      for (const [subject, reason] of [
        ["", "no-common-name"],
        ["O=system:masters", "no-common-name"],
        ["CN=alice, CN=bob", "several-common-names"]
      ] as const) {
        assert.strictEqual(outcome(yield* checkIssued({ subject })), reason, subject)
      }
    })
  )

  it.effect("maps OpenSSL errors to refusals", () =>
    Effect.gen(function* () {
      for (const [error, reason] of [
        ["CERT_HAS_EXPIRED", "expired"],
        ["CERT_NOT_YET_VALID", "not-yet-valid"],
        ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unknown-authority"],
        ["CERT_SIGNATURE_FAILURE", "unknown-authority"],
        [purpose, "wrong-usage"],
        ["HOSTNAME_MISMATCH", "unverifiable"]
      ] as const) {
        assert.strictEqual(outcome(yield* checkIssued({}, { error })), reason, error)
      }
    })
  )
})

describe("a certificate of an unknown client", () => {
  const flips = Schema.Array(
    Schema.Struct({ at: Schema.Finite, to: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })) })
  )

  it.effect.prop(
    "never makes the check throw, whatever it contains",
    { flips, hasError: Schema.Boolean },
    ({ flips, hasError }) =>
      Effect.gen(function* () {
        const authority = yield* makeAuthorityWith({})
        const { cert } = yield* authority.issue({ extendedKeyUsage: "any", commonName: "alice" })
        const bytes = Buffer.from(new X509Certificate(cert).raw)
        for (const { at, to } of flips) bytes[Math.abs(Math.trunc(at)) % bytes.length] = to
        const certificate = yield* Effect.option(
          Effect.try({ try: () => new X509Certificate(bytes), catch: () => "no certificate" })
        )
        if (Option.isNone(certificate)) return
        const peer = PeerCertificate.check(
          certificate.value,
          hasError ? purpose : undefined,
          PeerCertificate.authoritiesOf(authority.cert),
          Date.now()
        )
        if (hasError && flips.length > 0 && !bytes.equals(new X509Certificate(cert).raw)) {
          assert.strictEqual(Result.isFailure(peer.result), true)
        }
      }),
    { arbitrary: { runs: 300 } }
  )
})

describe("a certificate with anyExtendedKeyUsage", () => {
  const any = { extendedKeyUsage: "any" } as const
  const error = purpose

  it.effect("is accepted if one of the authorities signed it", () =>
    Effect.gen(function* () {
      for (const extendedKeyUsage of ["none", "client", "any"] as const) {
        assert.strictEqual(
          outcome(yield* checkIssued(any, { error, authority: { extendedKeyUsage } })),
          "alice",
          extendedKeyUsage
        )
      }
    })
  )

  it.effect("is refused for any other OpenSSL error", () =>
    Effect.gen(function* () {
      assert.strictEqual(outcome(yield* checkIssued(any, { error: "CERT_HAS_EXPIRED" })), "expired")
      assert.strictEqual(outcome(yield* checkIssued(any, { error: "PATH_LENGTH_EXCEEDED" })), "unverifiable")
    })
  )

  // OpenSSL reports INVALID_PURPOSE instead of the errors that it found before.
  it.effect("is refused if anything else is wrong with it", () =>
    Effect.gen(function* () {
      const foreign = yield* makeAuthorityWith({ name: "CN=one" })
      const other = { type: "1.2.3.4", value: Uint8Array.of(5, 0) }
      const nothing = Uint8Array.of(0x30, 0)
      for (const [what, request, options] of [
        ["another usage", { extendedKeyUsage: "server" }, {}],
        ["signed by no authority", any, { anchors: foreign.cert }],
        [
          "signed by another authority with the same name",
          any,
          { anchors: foreign.cert, authority: { name: "CN=one" } }
        ],
        ["no authority at all", any, { anchors: "" }],
        ["an unknown critical extension", { ...any, extensions: [{ ...other, critical: true }] }, {}],
        ["a key that may not sign", { ...any, keyUsage: "keyEncipherment" }, {}],
        [
          "a Netscape certificate type",
          { ...any, extensions: [{ type: "2.16.840.1.113730.1.1", value: Uint8Array.of(3, 2, 6, 0x40) }] },
          {}
        ],
        ["an extension that occurs twice", { ...any, extensions: [other, other] }, {}],
        ["an authority for servers only", any, { authority: { extendedKeyUsage: "server" } }],
        ["an authority that expired", any, { authority: { notAfter: new Date(Date.now() - 1000) } }],
        [
          "an authority with name constraints",
          any,
          { authority: { extensions: [{ type: "2.5.29.30", value: nothing }] } }
        ],
        [
          "an authority with a critical extension",
          any,
          { authority: { extensions: [{ ...other, critical: true }] } }
        ]
      ] as ReadonlyArray<readonly [string, CertificateOptions, Parameters<typeof checkIssued>[1]]>) {
        assert.strictEqual(outcome(yield* checkIssued(request, { error, ...options })), "wrong-usage", what)
      }
      const harmless = { ...any, extensions: [other] }
      assert.strictEqual(outcome(yield* checkIssued(harmless, { error })), "alice")
    })
  )

  it.effect("is refused if its signer is not an authority", () =>
    Effect.gen(function* () {
      const authority = yield* makeAuthorityWith({})
      const trusted = yield* authority.issue({ commonName: "bob", extendedKeyUsage: "client" })
      const { cert } = yield* authority.issue({ commonName: "alice", extendedKeyUsage: "any" })
      const peer = PeerCertificate.check(
        new X509Certificate(cert),
        error,
        PeerCertificate.authoritiesOf(trusted.cert),
        Date.now()
      )
      assert.strictEqual(outcome(peer), "wrong-usage")
    })
  )
})
