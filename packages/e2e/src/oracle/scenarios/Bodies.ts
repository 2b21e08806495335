import * as ServedResponse from "@registry-packages-proxy/testkit/registry/ServedResponse"
import type { Fault, FaultOptions, ServedOperation } from "@registry-packages-proxy/testkit/registry/Fault"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Effect } from "effect"
import { deflateSync, gzipSync } from "node:zlib"
import { defaultCredentials, scenario, type Scenario } from "../harness/Scenario.ts"

const faulty = (
  name: string,
  operation: ServedOperation,
  faults: ReadonlyArray<Fault>,
  times: FaultOptions["times"] = "always"
): Scenario =>
  scenario(name, { prepareRegistry: (registry) => registry.injectFaults(operation, faults, { times }) })

const headers = (values: Readonly<Record<string, string | undefined>>): Fault => ({
  _tag: "Headers",
  headers: values
})

const labelled = ["aws-chunked", "x-gzip", "gzip", "br", "UTF-8", "binary", "none", "identity"].flatMap(
  (coding) =>
    (["blob", "manifest"] as const).map((operation) =>
      faulty(`${operation}: plain bytes called Content-Encoding: ${coding}`, operation, [
        headers({ "content-encoding": coding })
      ])
    )
)

/** Returns a scenario in which the registry encodes the manifest and sends the matching Content-Encoding. */
const encoded = (coding: string, encode: (bytes: Uint8Array) => Uint8Array): Scenario =>
  scenario(`manifest: encoded as ${coding}`, {
    prepareRegistry: (registry) =>
      registry.setOverride((request, byRules) => {
        const answer = byRules()
        if (!request.path.includes("/manifests/") || answer.status !== 200) return answer
        const bytes = encode(Buffer.concat([...answer.body.chunks()]))
        return ServedResponse.make(
          200,
          { ...answer.headers, "content-encoding": coding },
          { size: bytes.length, chunks: () => [bytes] }
        )
      })
  })

const kibibyte = 1024
const bigHead = (size: number): Fault =>
  headers(
    Object.fromEntries(
      Array.from({ length: size / kibibyte }, (_, index) => [`x-meta-${index}`, "v".repeat(kibibyte - 16)])
    )
  )

const big = RegistryBlob.randomBytes(13, 300_000)

/**
 * Returns a scenario in which the registry aborts its first blob response. The client then requests the remaining
 * bytes. The faults `rest` affect this second blob request.
 */
const resumed = (name: string, rest: ReadonlyArray<Fault>): Scenario =>
  scenario(name, {
    image: RegistryImage.ofPackage(big),
    content: big,
    prepareRegistry: (registry) =>
      Effect.andThen(
        registry.injectFaults("blob", { _tag: "Truncate", after: 200_000, ending: "close" }),
        rest.length === 0 ? Effect.void : registry.injectFaults("blob", rest)
      )
  })

const status = (code: number): Fault => ({ _tag: "Status", status: code })

/** Scenarios with unusual or faulty manifest and blob responses, and with resumed blob downloads. */
export const bodies: ReadonlyArray<Scenario> = [
  ...labelled,
  encoded("gzip", gzipSync),
  encoded("deflate", deflateSync),
  ...(["manifest", "blob"] as const).flatMap((operation) => [
    faulty(`${operation}: chunked`, operation, [{ _tag: "NoLength" }]),
    faulty(`${operation}: no Content-Type`, operation, [headers({ "content-type": undefined })]),
    faulty(`${operation}: Content-Type text/html`, operation, [headers({ "content-type": "text/html" })]),
    faulty(`${operation}: another Docker-Content-Digest`, operation, [
      headers({ "docker-content-digest": `sha256:${"1".repeat(64)}` })
    ]),
    faulty(`${operation}: 21 KiB of headers`, operation, [bigHead(21 * kibibyte)]),
    faulty(`${operation}: 200 KiB of headers`, operation, [bigHead(200 * kibibyte)]),
    faulty(`${operation}: one byte is wrong`, operation, [{ _tag: "Corrupt", at: 100 }]),
    faulty(`${operation}: Content-Length is one too few`, operation, [{ _tag: "WrongLength", by: -1 }]),
    faulty(`${operation}: Content-Length is one too many`, operation, [{ _tag: "WrongLength", by: 1 }]),
    faulty(`${operation}: a short body, cleanly ended`, operation, [
      { _tag: "Truncate", after: 100, ending: "short-length" }
    ]),
    faulty(`${operation}: reset before the answer, once`, operation, [{ _tag: "Reset" }], 1),
    faulty(`${operation}: 500 once`, operation, [status(500)], 1),
    faulty(`${operation}: 503 once`, operation, [status(503)], 1),
    faulty(`${operation}: 429 once`, operation, [status(429)], 1),
    faulty(`${operation}: 429 always`, operation, [status(429)]),
    faulty(`${operation}: 500 always`, operation, [status(500)]),
    faulty(`${operation}: 404`, operation, [status(404)]),
    faulty(`${operation}: 403`, operation, [status(403)]),
    faulty(`${operation}: 204`, operation, [status(204)])
  ]),
  scenario("blob: 206 for the whole", {
    prepareRegistry: (registry) =>
      registry.setOverride((request, byRules) => {
        const answer = byRules()
        return request.path.includes("/blobs/")
          ? {
              ...answer,
              status: 206,
              headers: { ...answer.headers, "content-range": `bytes 0-4999/5000` }
            }
          : answer
      })
  }),
  scenario("401: 21 KiB of headers", {
    registryOptions: { auth: { _tag: "Basic", ...defaultCredentials } },
    prepareRegistry: (registry) =>
      registry.setOverride((_, byRules) => {
        const answer = byRules()
        return answer.status === 401
          ? { ...answer, headers: { ...answer.headers, "x-meta": "v".repeat(21 * kibibyte) } }
          : answer
      })
  }),
  resumed("resume: as asked", []),
  resumed("resume: from the start again (200)", [{ _tag: "IgnoreRange" }]),
  resumed("resume: 206 without Content-Range", [headers({ "content-range": undefined })]),
  resumed("resume: 206 that begins elsewhere", [{ _tag: "WrongContentRange", by: 10 }]),
  resumed("resume: 416", [status(416)]),
  resumed("resume: 400", [status(400)]),
  resumed("resume: 501", [status(501)]),
  resumed("resume that is refused for good: 403", [status(403)]),
  resumed("resume that is refused for good: 404", [status(404)]),
  resumed("resume: 503", [status(503)])
]
