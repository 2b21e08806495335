import { assert, describe, it } from "@effect/vitest"
import { ConnectionFailure, fromCause, fromCode } from "@registry-packages-proxy/node-net/ConnectionFailure"

const coded = (code: string) => Object.assign(new Error("secret"), { code })

describe("a connection failure", () => {
  for (const [code, kind, words, isRetryable] of [
    ["ECONNREFUSED", "refused", "nothing listens there", true],
    ["ECONNRESET", "reset", "closed by the other side", true],
    ["EPIPE", "reset", "closed by the other side", true],
    ["ENOTFOUND", "dns", "does not exist in DNS", true],
    ["EAI_AGAIN", "dns", "name server does not answer", true],
    ["EHOSTUNREACH", "other", "no route", true],
    ["ETIMEDOUT", "timeout", "did not reply", true],
    ["CERT_HAS_EXPIRED", "certificate", "expired", false],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate", "not trusted", false],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate", "another name", false],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls", "plain HTTP", false],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "tls", "no common version from 1.2 on", false],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "tls", "requires a client certificate", false],
    ["ERR_SSL_SOMETHING_ELSE", "tls", "(ERR_SSL_SOMETHING_ELSE)", false],
    ["EPROTO", "tls", "(EPROTO)", false],
    ["EMFILE", "other", "(EMFILE)", true],
    ["not a code: s3cret", "other", "the connection failed", true]
  ] as const) {
    it(`of code ${code} is described by its code only`, () => {
      const failure = fromCode(code)
      assert.deepInclude(failure, { kind, isRetryable })
      assert.include(failure.message, words)
      assert.notInclude(JSON.stringify(fromCause(coded(code))), "secret")
      assert.notInclude(failure.detail, "s3cret")
    })
  }

  it("is found inside the errors that wrap it", () => {
    const failure = new ConnectionFailure({ kind: "http", detail: "as it is", isRetryable: false })
    assert.strictEqual(fromCause(new Error("a", { cause: new Error("b", { cause: failure }) })), failure)
    assert.strictEqual(fromCause({ cause: coded("ENOTFOUND") }).kind, "dns")
    const circle: { cause?: unknown } = {}
    circle.cause = circle
    assert.strictEqual(fromCause(circle).kind, "other")
    for (const nothing of [undefined, null, "text", {}]) assert.strictEqual(fromCause(nothing).kind, "other")
  })
})
