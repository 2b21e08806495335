import { assert, describe, it } from "@effect/vitest"
import { parse, requestsForDigest } from "../../src/registries/AccessLog.ts"

const digest = `sha256:${"a".repeat(64)}`
const line = (request: string, status: number) =>
  `127.0.0.1 - - [22/Nov/2026:18:40:33 +0000] "${request} HTTP/1.1" ${status} 560 "" "registry-packages-proxy"`

describe("AccessLog", () => {
  it("parses the requests among other lines", () => {
    assert.deepStrictEqual(parse(['time="x" level=info msg="GET /v2/"', line("GET /v2/", 401)]), [
      { method: "GET", path: "/v2/", status: 401, bytes: 560, userAgent: "registry-packages-proxy" }
    ])
  })

  it("gives the requests for one digest, manifest or blob", () => {
    const requests = parse([
      line(`GET /v2/a/b/manifests/${digest}`, 401),
      line(`GET /v2/a/b/manifests/sha256:${"b".repeat(64)}`, 200),
      line(`HEAD /v2/a/b/blobs/${digest}`, 200)
    ])
    assert.deepStrictEqual(requestsForDigest(requests, digest), ["GET manifests 401", "HEAD blobs 200"])
  })
})
