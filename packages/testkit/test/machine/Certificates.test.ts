import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Certificates from "../../src/machine/Certificates.ts"
import { TestRegistry } from "../../src/registry/TestRegistry.ts"
import { nodeRequest } from "../../src/wire/NodeRequest.ts"

const pingWith = Effect.fnUntraced(function* (
  tls: Certificates.IssuedCertificate,
  ca: string,
  host: "127.0.0.1" | "localhost" = "127.0.0.1"
) {
  const registry = yield* TestRegistry.make({ tls, host })
  return yield* nodeRequest(`${registry.origin}/v2/`, { ca })
})

describe("Certificates", () => {
  it.effect(
    "a certificate is valid for the loopback names",
    Effect.fn(function* () {
      const authority = yield* Certificates.makeAuthority
      const tls = yield* authority.issue()
      for (const host of ["127.0.0.1", "localhost"] as const) {
        assert.strictEqual((yield* pingWith(tls, authority.cert, host)).status, 200)
      }
    })
  )

  it.effect(
    "a certificate that has expired, names another host or is from an unknown authority causes its own error",
    Effect.fn(function* () {
      const authority = yield* Certificates.makeAuthority
      const other = yield* Certificates.makeAuthority
      const refusal = (tls: Certificates.IssuedCertificate, ca: string) => Effect.flip(pingWith(tls, ca))
      assert.strictEqual(yield* refusal(yield* authority.issueExpired, authority.cert), "CERT_HAS_EXPIRED")
      assert.strictEqual(
        yield* refusal(yield* authority.issueForOtherHost, authority.cert),
        "ERR_TLS_CERT_ALTNAME_INVALID"
      )
      assert.include(
        ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"],
        yield* refusal(yield* authority.issue(), other.cert)
      )
    })
  )
})
