import { Digest } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { Context, Effect, Layer, Result } from "effect"
import * as fc from "fast-check"
import type { Target } from "./FuzzSuite.ts"
import { withHostile } from "./Hostile.ts"
import { near } from "./Mutations.ts"
import * as Upstreams from "./Upstreams.ts"

const layerDigest = Digest.make(`sha256:${"a".repeat(64)}`)
const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: layerDigest, size: 10 }
const platform = { os: "linux", architecture: "amd64" }

const samples = [
  { schemaVersion: 2, mediaType: MediaType.ociManifest, config: layer, layers: [layer] },
  { schemaVersion: 2, layers: [layer, { ...layer, annotations: { a: "b" }, urls: ["https://a.test"] }] },
  {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: [{ ...layer, mediaType: MediaType.ociManifest, platform }]
  },
  {
    schemaVersion: 2,
    mediaType: MediaType.dockerManifestList,
    manifests: [{ ...layer, platform: { ...platform, variant: "v8" } }]
  },
  { schemaVersion: 1, fsLayers: [{ blobSum: layerDigest }] }
].map((document) => JSON.stringify(document))

const last = `{"digest":"${layerDigest}","size":10}`

/**
 * Maximum lengths for `hostileTexts`, in characters. The registry client accepts manifests of up to 4 MiB.
 */
const sizes = [4 * 1024 * 1024, 1024 * 1024]

const shapes = [
  { before: '{"layers":[', unit: "{}", between: ",", after: "]}" },
  { before: '{"layers":[', unit: "0", between: ",", after: `,${last}]}` },
  { before: '{"layers":[', unit: last, between: ",", after: "]}" },
  { before: "{", unit: '"layers":[]', between: ",", after: "}" },
  { before: '{"layers":[{', unit: '"digest":""', between: ",", after: "}]}" },
  { before: '{"layers":[{"digest":"sha256:', unit: "a", after: '"}]}' },
  {
    before: `{"layers":[${last}],"annotations":{`,
    unit: (index: number) => `"${index}":""`,
    between: ",",
    after: "}}"
  },
  { before: `{"layers":[${last}],`, unit: '"l\\u0061yers":0', between: ",", after: "}" },
  { before: '{"a":"', unit: "\\n", after: `","layers":[${last}]}` },
  { before: '{"a":', unit: "9", after: `,"layers":[${last}]}` },
  { before: '{"manifests":[', unit: "{}", between: ",", after: "]}" },
  {
    before: '{"manifests":[',
    unit: `{"digest":"${layerDigest}","platform":{"os":"linux","architecture":"arm"}}`,
    between: ",",
    after: "]}"
  },
  { before: '{"manifests":[{"platform":{', unit: '"os":"a"', between: ",", after: "}}]}" },
  { before: '{"manifests":[{"platform":{"os":"', unit: "x", after: '"}}]}' }
] as const

const nestings = [
  ["", "[", "]", ""],
  ["", '{"a":', "", ""],
  ['{"layers":', "[", "]", "}"],
  [`{"layers":[${last}],"a":`, '[{"a":', "}]", "}"]
] as const

interface Served {
  readonly text: string
  readonly contentType: string
}

/**
 * Fuzzes manifests that have the requested digest. The registry client must return a package with a valid digest and
 * size, or an error.
 */
export const target: Target<Served> = {
  name: "manifests",
  input: fc.record({
    text: withHostile(
      near({
        samples,
        pieces: [
          "[",
          "{",
          '{"a":',
          '"layers":[',
          '"manifests":[',
          `${JSON.stringify(layer)},`,
          `${JSON.stringify({ ...layer, platform })},`,
          '"mediaType":"application/vnd.oci.image.index.v1+json",',
          '"platform":null,',
          "null",
          "1e400",
          "-0",
          "\\u0000",
          "\ud800",
          "sha512:",
          '"urls":["x"],'
        ],
        longest: 600_000
      }),
      { shapes, nestings, sizes }
    ),
    contentType: near({
      samples: [MediaType.ociManifest, MediaType.ociIndex, MediaType.dockerManifestList, ""],
      pieces: ["; charset=utf-8", ",", '"'],
      longest: 5000
    }).map(Upstreams.fieldValue)
  }),
  size: ({ text }) => Buffer.byteLength(text),
  millisPerMiB: 250,
  make: Effect.gen(function* () {
    let served: { readonly body: Uint8Array; readonly contentType: string } | undefined
    let asked = 0
    const context = yield* Layer.build(
      Upstreams.layer(() => {
        asked++
        return {
          status: 200,
          headers: { "content-type": served?.contentType ?? "" },
          body: served?.body ?? new Uint8Array()
        }
      })
    )
    const client = Context.get(context, RegistryClient)
    return async ({ contentType, text }) => {
      const body = new TextEncoder().encode(text)
      served = { body, contentType }
      asked = 0
      const result = await Effect.runPromise(
        Effect.result(
          client.resolve(Upstreams.repository(0), digestOf(body, "sha256"), Platform.make("linux/amd64"))
        )
      )
      // If the input is an index, the client also requests its child. The response is the index again, whose digest is
      // wrong for the child, so no further requests follow.
      if (asked > 8) throw new Error(`${asked} requests for one manifest`)
      if (Result.isFailure(result)) return
      const { layerDigest, size } = result.success
      if (!/^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(layerDigest))
        throw new Error(`the digest ${layerDigest}`)
      if (!Number.isSafeInteger(size) || size < 0) throw new Error(`the size ${size}`)
    }
  })
}
