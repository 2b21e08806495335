import * as DockerConfig from "@registry-packages-proxy/domain/DockerConfig"
import * as Keyring from "@registry-packages-proxy/domain/Keyring"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { Effect, Result } from "effect"
import { Base64 } from "effect/encoding"
import * as fc from "fast-check"
import type { Target } from "./FuzzSuite.ts"
import { type HostileShape, withHostile } from "./Hostile.ts"
import { near } from "./Mutations.ts"

const auth = Base64.encode("user:s3cr3t")
const hosts = ["registry.test", "registry.test:5000", "docker.io", "[::1]:5000"] as const

const samples = [
  { auths: { "registry.test": { auth } } },
  { auths: { "https://registry.test/v2/": { username: "user", password: "s3cr3t" } } },
  { auths: { "https://index.docker.io/v1/": { identitytoken: "s3cr3t" } } },
  { auths: { "[::1]:5000": { registrytoken: "s3cr3t", auth: null } }, credsStore: "x" },
  { auths: { "*.test": { auth }, "registry.test/some": { auth }, "https://registry.test/v1/": {} } },
  { "registry.test": { auth } },
  { auths: null }
].map((document) => JSON.stringify(document))

/** Maximum lengths for `hostileTexts`, in characters. */
const sizes = [3 * 1024 * 1024]

const shapes: ReadonlyArray<HostileShape> = [
  { before: '{"auths":{', unit: (index) => `"h${index}.test":{}`, between: ",", after: "}}" },
  {
    before: '{"auths":{',
    unit: (index) => `"registry.test/a/${index}":{"username":"u"}`,
    between: ",",
    after: "}}"
  },
  { before: '{"auths":{', unit: (index) => `"*r*e*g*i*.*t*e*s*t/${index}":{}`, between: ",", after: "}}" },
  { before: '{"auths":{"', unit: "*", after: '.test":{}}}' },
  { before: '{"auths":{"registry.test', unit: "/", after: 'a":{}}}' },
  { before: '{"auths":{"registry.test":{"auth":"', unit: "A", after: '"}}}' },
  { before: '{"auths":{"registry.test":{"auth":"', unit: "=", after: 'A"}}}' },
  { before: '{"auths":{"registry.test":{"username":"u","password":"', unit: "\\u0000", after: 'a"}}}' },
  { before: '{"auths":{"registry.test":{', unit: (index) => `"${index}":0`, between: ",", after: "}}}" },
  { before: "{", unit: (index) => `"${index}":{}`, between: ",", after: "}" }
]

const nestings = [
  ['{"auths":', "[", "]", "}"],
  ['{"auths":{"registry.test":', '{"a":', "}", "}}"]
] as const

interface Asked {
  readonly text: string
  readonly host: RegistryHost
  /** The name of the requested repository on `host`. */
  readonly name: string
}

/**
 * Fuzzes the text of a docker config.json. No password may appear in an error, or in the JSON of the credential that is
 * found.
 */
export const target: Target<Asked> = {
  name: "docker configs",
  input: fc.record({
    text: withHostile(
      near({
        samples,
        pieces: [
          '"auths":{',
          '"registry.test":{},',
          `"x":{"auth":"${auth}"},`,
          '"registry.test/a/a":{},',
          '"*.*":{},',
          "*",
          '{"a":',
          "[",
          "null",
          "https://",
          "/",
          auth,
          "=",
          "s3cr3t",
          "\\u0000",
          "\ud800"
        ],
        longest: 400_000
      }),
      { shapes, nestings, sizes }
    ),
    host: fc.constantFrom(...hosts).map((host) => RegistryHost.make(host)),
    name: fc.constantFrom("a", "some/name", "a/".repeat(127) + "a")
  }),
  size: ({ text }) => Buffer.byteLength(text),
  millisPerMiB: 1_000,
  make: Effect.succeed(({ host, name, text }) => {
    const result = Result.flatMap(DockerConfig.parse(text), (config) =>
      Keyring.lookup(Keyring.make(config, host), name)
    )
    const shown = `${JSON.stringify(result)} ${String(Result.isFailure(result) ? result.failure : "")}`
    // User names are not secret. So the text of the password may be shown if the input has it as a user name.
    const named = Result.isSuccess(result) && result.success._tag === "Basic" ? result.success.username : ""
    if (shown.includes("s3cr3t") && !named.includes("s3cr3t"))
      return Promise.reject(new Error(`it shows ${shown}`))
    return Promise.resolve()
  })
}
