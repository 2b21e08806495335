import { assert, describe, it } from "@effect/vitest"
import * as PemCertificates from "@registry-packages-proxy/node-net/tls/PemCertificates"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect } from "effect"
import fc from "fast-check"

const make = Effect.gen(function* () {
  const [one, other] = [yield* Certificates.makeAuthority, yield* Certificates.makeAuthority]
  const { key } = yield* one.issue()
  return { one: `${one.cert}\n`, other: `${other.cert}\n`, key: `${key}\n` }
})

const broken = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
const noBase64 = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"

/** Adds trust settings to a certificate, in OpenSSL's format: an ASN.1 sequence after the certificate. */
const trusted = (pem: string): string => {
  const der = Buffer.from(pem.replace(/-----[^-]*-----/g, ""), "base64")
  const settings = Buffer.from("300c300a06082b06010505070301", "hex")
  const body = Buffer.concat([der, settings]).toString("base64").replace(/.{64}/g, "$&\n")
  return `-----BEGIN TRUSTED CERTIFICATE-----\n${body}\n-----END TRUSTED CERTIFICATE-----\n`
}

describe("a PEM text", () => {
  for (const [what, write, found, bad, go] of [
    ["certificates", ({ one, other }) => one + other, 2, 0, "the same"],
    ["one certificate twice", ({ one }) => one + one, 2, 0, "the same"],
    [
      "comments and text around them",
      ({ one, other }) => `Subject: CN=a\n# x\n${one}\ntext\n${other}\nend`,
      2,
      0,
      "the same"
    ],
    ["line breaks of Windows", ({ one }) => one.replaceAll("\n", "\r\n"), 1, 0, "the same"],
    ["a byte order mark", ({ one }) => `\ufeff${one}`, 1, 0, "skips the first block"],
    ["blanks before its lines", ({ one }) => one.replace(/^/gm, "  "), 1, 0, "skips all"],
    ["no line break between two", ({ one, other }) => one.trim() + other, 2, 0, "skips the second"],
    ["its base64 in one line", ({ one }) => one.replace(/(?<!-)\n(?!-)/g, ""), 1, 0, "the same"],
    ["a private key among them", ({ key, one }) => key + one + key, 1, 0, "the same"],
    [
      "the label X509 CERTIFICATE",
      ({ one }) => one.replaceAll("CERTIFICATE", "X509 CERTIFICATE"),
      1,
      0,
      "skips it"
    ],
    ["the label TRUSTED CERTIFICATE", ({ one }) => trusted(one), 1, 0, "skips it"],
    ["a broken block before a good one", ({ one }) => broken + one, 1, 1, "the same"],
    ["a broken block behind a good one", ({ one }) => one + noBase64, 1, 1, "the same"],
    ["a block without an end", ({ one, other }) => `${one}${other.slice(0, 200)}`, 1, 1, "the same"],
    [
      "a block without an end before a good one",
      ({ one, other }) => `${other.slice(0, 200)}\n${one}`,
      1,
      1,
      "skips both"
    ],
    ["broken blocks alone", () => broken + noBase64, 0, 2, "the same"],
    ["no block", () => "nothing", 0, 0, "the same"],
    ["nothing", () => "", 0, 0, "the same"]
  ] as ReadonlyArray<
    readonly [string, (made: Effect.Success<typeof make>) => string, number, number, string]
  >) {
    it.effect(
      `with ${what}: ${found} to trust, ${bad} unreadable (Go: ${go})`,
      Effect.fn(function* () {
        const made = yield* make
        const { certificates, unreadableCount } = PemCertificates.parse(write(made))
        assert.strictEqual(certificates.length, found)
        assert.strictEqual(unreadableCount, bad)
        for (const certificate of certificates) {
          assert.include(
            [made.one, made.other].map((pem) => pem.trim()),
            certificate.trim()
          )
        }
      })
    )
  }

  it("is read without an exception, whatever its content", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "\n", "AAAA", "=", "é")
        ),
        (parts) => void PemCertificates.parse(parts.join(""))
      )
    )
  })
})
