import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import { createPrivateKey, X509Certificate } from "node:crypto"
import * as KeyPair from "../src/KeyPair.ts"
import * as SelfSigned from "../src/SelfSigned.ts"

const now = Date.parse("2026-05-06T07:08:09Z")
const names = [
  "localhost",
  "master-0.example",
  "10.0.0.1",
  "::1",
  "fe80::1:2",
  "2001:db8::",
  "::ffff:1.2.3.4"
]
const made = SelfSigned.make(names, now)
const certificate = new X509Certificate(made.certificates)

describe("SelfSigned", () => {
  it("is a valid key pair", () => {
    assert.isTrue(Result.isSuccess(KeyPair.parse(made.certificates, Redacted.value(made.privateKey))))
    assert.isTrue(certificate.verify(certificate.publicKey))
    assert.isTrue(certificate.checkPrivateKey(createPrivateKey(Redacted.value(made.privateKey))))
  })

  it("is valid for the given names and addresses only", () => {
    for (const host of ["localhost", "master-0.example"])
      assert.strictEqual(certificate.checkHost(host), host)
    for (const address of ["10.0.0.1", "::1", "fe80::1:2", "2001:db8::", "::ffff:1.2.3.4"]) {
      assert.strictEqual(certificate.checkIP(address), address)
    }
    for (const host of ["example", "x.master-0.example"]) assert.isUndefined(certificate.checkHost(host))
    for (const address of ["10.0.0.2", "::2", "1.2.3.4"]) assert.isUndefined(certificate.checkIP(address))
  })

  it("is valid for ten years from an hour ago, in UTCTime and GeneralizedTime", () => {
    for (const [begins, ends, at] of [
      ["2026-05-06T06:08:09.000Z", "2036-05-05T19:08:09.000Z", now],
      ["2049-12-31T22:59:59.000Z", "2060-01-01T11:59:59.000Z", Date.parse("2049-12-31T23:59:59Z")],
      ["2060-01-01T00:00:00.000Z", "2069-12-31T13:00:00.000Z", Date.parse("2060-01-01T01:00:00Z")]
    ] as const) {
      const { validFromDate, validToDate } = new X509Certificate(SelfSigned.make(names, at).certificates)
      assert.strictEqual(validFromDate.toISOString(), begins)
      assert.strictEqual(validToDate.toISOString(), ends)
    }
  })

  it("is not an authority, and differs each time", () => {
    assert.isFalse(certificate.ca)
    const other = SelfSigned.make(names, now)
    assert.notStrictEqual(new X509Certificate(other.certificates).serialNumber, certificate.serialNumber)
    assert.notStrictEqual(Redacted.value(other.privateKey), Redacted.value(made.privateKey))
  })
})
