import { assert, describe, it } from "@effect/vitest"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import type { Fault, ServedOperation } from "@registry-packages-proxy/testkit/registry/Fault"
import type { RegistryAuth } from "@registry-packages-proxy/testkit/registry/RegistryAuth"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import {
  TestRegistry,
  type TestRegistryOptions
} from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Effect } from "effect"
import { problemOf } from "../ProxyHarness.ts"
import { credentials, content, image, name, start, withServices } from "../RegistryHarness.ts"

type Struck = ReadonlyArray<
  readonly [
    ServedOperation,
    Fault | ReadonlyArray<Fault>,
    Parameters<TestRegistry["Service"]["injectFaults"]>[2]?
  ]
>

const bearer: RegistryAuth = { _tag: "Bearer", ...credentials }
const basic: RegistryAuth = { _tag: "Basic", ...credentials }
const brokenOff: Fault = { _tag: "Truncate", after: 100_000, ending: "reset" }
const withStatus = (status: number): Fault => ({ _tag: "WrongStatus", status })
const withoutRange: Fault = { _tag: "Headers", headers: { "content-range": undefined } }

/** Registries that behave oddly. registry-packages-proxy must serve the package from each of them. */
const rows: ReadonlyArray<readonly [situation: string, options: TestRegistryOptions, faults: Struck]> = [
  ...["aws-chunked", "x-gzip", "gzip", "UTF-8", "binary", "none"].map(
    (encoding) =>
      [
        `the stored bytes under Content-Encoding: ${encoding}`,
        {},
        [["blob", { _tag: "Headers", headers: { "content-encoding": encoding } }]]
      ] as const
  ),
  ...(["gzip", "deflate", "br", "zstd"] as const).flatMap((coding) => [
    [`a manifest encoded with ${coding}`, {}, [["manifest", { _tag: "Encode", coding }]]] as const,
    [`a token encoded with ${coding}`, { auth: bearer }, [["token", { _tag: "Encode", coding }]]] as const
  ]),
  ...([404, 403, 401] as const).flatMap((hideWith) => [
    [
      `${hideWith} without a challenge, /v2/ names a token service`,
      { auth: { ...bearer, hideWith } },
      []
    ] as const,
    [`${hideWith} without a challenge, /v2/ asks for Basic`, { auth: { ...basic, hideWith } }, []] as const,
    [
      `${hideWith} without a challenge, /v2/ is open`,
      { auth: { ...basic, hideWith, ping: 200 } },
      []
    ] as const
  ]),
  [
    "a challenge after an unknown one",
    { auth: { ...basic, writeChallenge: (basic) => `Negotiate, ${basic}` } },
    []
  ],
  ["a Content-Length that promises a byte more", {}, [["blob", { _tag: "WrongLength", by: 1 }]]],
  ["no Content-Length", {}, [["blob", { _tag: "NoLength" }]]],
  ["a 206 for the whole", {}, [["blob", withStatus(206)]]],
  ...([400, 416, 501] as const).map(
    (status) =>
      [
        `a resume that is refused by ${status}`,
        {},
        [
          ["blob", brokenOff],
          ["blob", { _tag: "RefuseRange", status }, { times: "always" }]
        ]
      ] as const
  ),
  [
    "a resume answered by 206 without Content-Range",
    {},
    [
      ["blob", brokenOff],
      ["blob", withoutRange]
    ]
  ],
  [
    "a resume answered by 206 with the whole, without Content-Range",
    {},
    [
      ["blob", brokenOff],
      ["blob", [{ _tag: "IgnoreRange" }, withStatus(206)]]
    ]
  ],
  [
    "a resume answered by 200 with the rest",
    {},
    [
      ["blob", brokenOff],
      ["blob", [withStatus(200), withoutRange]]
    ]
  ],
  [
    "a resume whose range begins earlier",
    {},
    [
      ["blob", brokenOff],
      ["blob", { _tag: "WrongContentRange", by: -1000 }]
    ]
  ],
  [
    "a resume whose range leaves a hole",
    {},
    [
      ["blob", brokenOff],
      ["blob", { _tag: "WrongContentRange", by: 1000 }]
    ]
  ],
  [
    "a blob store that is a registry with anonymous tokens",
    { auth: basic, redirect: { _tag: "Store", tokens: "issued" } },
    []
  ]
]

describe("an odd registry", () => {
  for (const [situation, options, faults] of rows) {
    it.effect(`${situation}: the package is served`, () =>
      withServices(
        Effect.gen(function* () {
          const { get, registry } = yield* start(options)
          for (const [operation, fault, struck] of faults)
            yield* registry.injectFaults(operation, fault, struck)
          const answer = yield* get()
          assert.deepStrictEqual([answer.status, answer.complete], [200, true])
          assert.isTrue(answer.body.equals(content))
        })
      )
    )
  }

  it.effect(
    "on HTTPS with a blob store on plain HTTP serves the package, and the store gets no credentials",
    () =>
      withServices(
        Effect.gen(function* () {
          const tls = yield* (yield* Certificates.makeAuthority).issue()
          const store = yield* TestRegistry.make()
          yield* store.put(name, image)
          const location = `${store.origin}/v2/${name}/blobs/${image.layer?.digest}`
          const { get } = yield* start({ tls, auth: bearer, redirect: { _tag: "To", location } })
          assert.isTrue((yield* get()).body.equals(content))
          assert.deepStrictEqual(
            (yield* store.requests).map(({ authScheme }) => authScheme),
            [undefined]
          )
        })
      )
  )
})

const sizeless = RegistryImage.ofBytes(
  new TextDecoder().decode(image.bytes).replace('"size": 400000', '"size": 0')
)
const foreign = RegistryImage.withForeignLayer(RegistryBlob.fromBytes(content))

describe("a layer without a size, and a foreign one", () => {
  for (const [what, manifest] of [
    ["no size", sizeless],
    ["a foreign layer that the registry holds", foreign]
  ] as const) {
    it.effect(`${what}: GET gives the package, HEAD and 304 its headers without the blob`, () =>
      withServices(
        Effect.gen(function* () {
          const { get, registry } = yield* start({ redirect: { _tag: "Store" } })
          yield* registry.put(name, manifest)
          const head = yield* get(manifest.digest, { method: "HEAD" })
          assert.deepStrictEqual([head.status, head.headers["content-length"]], [200, "400000"])
          const unchanged = yield* get(manifest.digest, { headers: { "if-none-match": "*" } })
          assert.strictEqual(unchanged.status, 304)
          for (const { listener, method, operation } of yield* registry.requests)
            if (operation === "blob" || listener === "store") assert.strictEqual(method, "HEAD")
          assert.isTrue((yield* get(manifest.digest)).body.equals(content))
          // The response ends before the fill commits.
          yield* settle
          assert.include((yield* get(manifest.digest)).headers["cache-status"], "hit")
        })
      )
    )
  }

  it.effect("a foreign layer that the registry does not have is a 502 that says so, for HEAD too", () =>
    withServices(
      Effect.gen(function* () {
        const { get, registry } = yield* start()
        const elsewhere = RegistryImage.withForeignLayer(RegistryBlob.fromBytes(new Uint8Array([1, 2, 3])))
        yield* registry.put(name, elsewhere)
        const answer = yield* get(elsewhere.digest)
        assert.strictEqual(answer.status, 502)
        assert.include(problemOf(answer).detail, "Push the image with a last layer that the registry stores")
        assert.strictEqual((yield* get(elsewhere.digest, { method: "HEAD" })).status, 502)
      })
    )
  )
})
