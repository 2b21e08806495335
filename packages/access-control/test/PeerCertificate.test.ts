import { assert, describe, it } from "@effect/vitest"
import { type CertificateRequest, makeAuthority } from "@registry-packages-proxy/testkit/Certificates"
import { Effect, Option } from "effect"
import { X509Certificate } from "node:crypto"
import * as ClientCertificates from "../src/ClientCertificates.ts"

const issue = (request: CertificateRequest) =>
  Effect.gen(function* () {
    const authority = yield* makeAuthority
    const { cert } = yield* authority.issue({ usage: "client", ...request })
    return { authority, certificate: new X509Certificate(cert) }
  })

describe("ClientCertificates", () => {
  it.effect("reads the name from CN and the groups from O, and adds the group of all authenticated", () =>
    Effect.gen(function* () {
      const notAfter = new Date("2030-01-02T03:04:05Z")
      const { certificate } = yield* issue({
        commonName: "system:node:a",
        organizations: ["system:nodes", "others"],
        notAfter
      })
      const read = Option.getOrThrow(ClientCertificates.read(certificate))
      assert.strictEqual(read.user.name, "system:node:a")
      assert.sameMembers([...read.user.groups], ["system:nodes", "others", "system:authenticated"])
      assert.strictEqual(read.notAfter, notAfter.getTime())
      assert.match(
        read.user.extra["authentication.kubernetes.io/credential-id"]?.[0] ?? "",
        /^X509SHA256=[0-9a-f]{64}$/
      )
    })
  )

  it.effect("has the one group where the certificate names none", () =>
    Effect.gen(function* () {
      const { certificate } = yield* issue({ commonName: "alice" })
      const read = Option.getOrThrow(ClientCertificates.read(certificate))
      assert.deepStrictEqual(read.user.groups, ["system:authenticated"])
    })
  )

  it.effect("is nobody where the subject names none, or two", () =>
    Effect.gen(function* () {
      for (const commonName of ["", "alice, CN=bob"]) {
        const { certificate } = yield* issue({ commonName })
        assert.isTrue(Option.isNone(ClientCertificates.read(certificate)), commonName)
      }
    })
  )

  it.effect("is issued by its authority, among others, and by no other of the same name", () =>
    Effect.gen(function* () {
      const { authority, certificate } = yield* issue({ commonName: "alice" })
      const other = yield* makeAuthority
      assert.isTrue(ClientCertificates.isIssuedBy(certificate, authority.cert))
      assert.isTrue(ClientCertificates.isIssuedBy(certificate, other.cert + authority.cert))
      assert.isFalse(ClientCertificates.isIssuedBy(certificate, other.cert))
      // A certificate does not become an authority by being trusted.
      assert.isFalse(ClientCertificates.isIssuedBy(certificate, certificate.toString()))
    })
  )
})
