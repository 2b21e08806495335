import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { kinds } from "@registry-packages-proxy/credential-store/kinds/Kinds"
import * as ClusterLocation from "@registry-packages-proxy/kubernetes/ClusterLocation"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import {
  watchedCollections,
  moduleSource,
  registrySecret
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { FakeKubernetes } from "@registry-packages-proxy/testkit/kubernetes/FakeKubernetes"
import * as FakeKubernetesHttp from "@registry-packages-proxy/testkit/kubernetes/FakeKubernetesHttp"
import { nodeRequest } from "@registry-packages-proxy/testkit/wire/NodeRequest"
import { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Context, Effect, Fiber, FileSystem, Latch, Layer, Logger, Option, Path, type Scope } from "effect"
import { HttpServer } from "effect/http"
import { randomBytes } from "node:crypto"
import * as Cluster from "../src/Cluster.ts"
import { FilePath } from "../src/config/Flags.ts"
import * as ListenAddress from "../src/config/ListenAddress.ts"
import * as Program from "../src/Program.ts"
import * as Settings from "../src/config/Settings.ts"

const https = process.getBuiltinModule("node:https")

const sources = "/apis/deckhouse.io/v1alpha1/modulesources"
const secrets = "/api/v1/namespaces/d8-system/secrets"
const passwords = ["s3cr3t-old-password", "s3cr3t-new-password"] as const

const loginTo = (host: string, password: string) => ({ host, username: "reader", password })

/**
 * Starts a fake API server and a test registry with token authentication. Writes a kubeconfig for the API server into a
 * temporary directory.
 */
const world = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped()
  const api = new FakeKubernetes({ collections: watchedCollections })
  const { origin } = yield* FakeKubernetesHttp.listen(api)
  const registry = yield* TestRegistry.make({
    auth: { _tag: "Bearer", username: "reader", password: passwords[0], expiresIn: 300 }
  })
  const kubeconfig = FilePath.make(path.join(directory, "kubeconfig"))
  yield* fs.writeFileString(
    kubeconfig,
    JSON.stringify({
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      clusters: [{ name: "test", cluster: { server: origin } }],
      users: [{ name: "test", user: { token: "s3cr3t-token" } }]
    })
  )
  const secretWith = (password: string) =>
    registrySecret({
      address: registry.host,
      path: "/own",
      scheme: "HTTP",
      credentials: loginTo(registry.host, password)
    })
  return { api, directory, kubeconfig, registry, secretWith }
})

type World = Effect.Success<typeof world>

const loopback = Option.some(new ListenAddress.ListenAddress({ host: Option.some("127.0.0.1"), port: 0 }))

/**
 * Starts registry-packages-proxy with the API server of the kubeconfig. If `cluster` is given, uses the API server of
 * `cluster` instead, and also opens a secure port.
 */
const start = Effect.fnUntraced(function* ({ directory, kubeconfig }: World, cluster?: Cluster.Cluster) {
  const path = yield* Path.Path
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    lines.push(`${logLevel} ${JSON.stringify(message)}`)
  })
  const settings: Settings.Settings = {
    ...Settings.defaults,
    listenAddress: loopback,
    kubeconfig: Option.some(kubeconfig),
    cacheDirectory: FilePath.make(path.join(directory, "cache")),
    secureListenAddress: cluster === undefined ? Option.none() : loopback
  }
  const options = { env: {} }
  const program =
    cluster === undefined
      ? Program.layer(settings, options)
      : Program.layerWithCluster(Option.some(cluster), settings, options)
  const context = yield* Layer.build(program.pipe(Layer.provideMerge(Logger.layer([logger]))))
  const origin = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
  const get = (digest: Digest, repository = "") =>
    nodeRequest(`${origin}/package?digest=${digest}&repository=${repository}&path=`)
  return {
    lines,
    get,
    request: (path: string) => nodeRequest(`${origin}${path}`),
    /** Repeats the request until the response has this status. */
    until: (digest: Digest, status: number, repository = "") =>
      Effect.repeat(get(digest, repository), { until: (answer) => answer.status === status })
  }
})

const statusWith = (url: string, token: string) =>
  Effect.callback<number>((resume) => {
    const headers = { authorization: `Bearer ${token}` }
    https.get(url, { agent: false, rejectUnauthorized: false, headers }, (response) => {
      response.resume()
      response.once("close", () => resume(Effect.succeed(response.statusCode ?? 0)))
    })
  })

const test = <E>(name: string, effect: Effect.Effect<void, E, Scope.Scope | NodeServices.NodeServices>) =>
  it.live(name, () => effect.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

describe("the program with an API server", () => {
  test(
    "watches it, and logs it once as a source of credentials",
    Effect.gen(function* () {
      const here = yield* world
      const { api, kubeconfig, registry, secretWith } = here
      const own = yield* registry.putPackage("own", randomBytes(1000))
      const module = yield* registry.putPackage("modules", randomBytes(1000))
      const program = yield* start(here)
      assert.lengthOf(
        program.lines.filter((line) => line.includes("reading registry credentials")),
        1
      )
      assert.include(program.lines.join("\n"), `the API server of kubeconfig ${kubeconfig}`)
      api.apply(secrets, secretWith(passwords[0]))
      yield* program.until(own.digest, 200)
      const repository = `${registry.host}/modules`
      api.apply(
        sources,
        moduleSource({
          name: "one",
          repo: repository,
          scheme: "HTTP",
          credentials: loginTo(registry.host, passwords[0])
        })
      )
      yield* program.until(module.digest, 200, repository)
    })
  )

  test(
    "uses a rotated password in the next request, lets downloads finish, and never uses an old token again",
    Effect.gen(function* () {
      const here = yield* world
      const { api, registry, secretWith } = here
      const content = randomBytes(700_000)
      const slow = yield* registry.putPackage("own", content)
      const next = yield* registry.putPackage("own", randomBytes(1000))
      const [until, reached] = [yield* Latch.make(), yield* Latch.make()]
      yield* registry.injectFaults("blob", { _tag: "Stall", after: 400_000, until, reached })
      api.apply(secrets, secretWith(passwords[0]))
      const program = yield* start(here)
      yield* Effect.repeat(program.request("/readyz"), { until: ({ status }) => status === 200 })
      const download = yield* Effect.forkChild(program.get(slow.digest))
      yield* reached.await
      yield* registry.clearRequests

      yield* registry.setAuth({ _tag: "Bearer", username: "reader", password: passwords[1], expiresIn: 300 })
      api.apply(secrets, secretWith(passwords[1]))
      yield* program.until(next.digest, 200)
      yield* until.open
      const { body, complete, status } = yield* Fiber.join(download)
      assert.deepStrictEqual([status, complete, body.equals(content)], [200, true, true])

      // The program may use the old password until the watch delivers the new one. After that, no request is refused.
      const requests = yield* registry.requests
      const fresh = requests.slice(requests.findLastIndex(({ operation }) => operation === "token"))
      assert.isNotEmpty(fresh)
      for (const { authScheme, operation, status } of fresh) {
        assert.strictEqual(status, 200, `${operation} with ${authScheme}`)
      }
    })
  )

  test(
    "while it is down at the start: serves cached packages, says what it waits for, and recovers",
    Effect.gen(function* () {
      const here = yield* world
      const { api, registry, secretWith } = here
      api.apply(secrets, secretWith(passwords[0]))
      const cached = yield* registry.putPackage("own", randomBytes(1000))
      const other = yield* registry.putPackage("own", randomBytes(1000))
      yield* Effect.scoped(Effect.flatMap(start(here), (program) => program.until(cached.digest, 200)))

      api.isDown = true
      const program = yield* start(here)
      assert.strictEqual((yield* program.get(cached.digest)).status, 200)
      const refused = yield* program.get(other.digest)
      assert.strictEqual(refused.status, 503)
      assert.match(String(refused.headers["retry-after"]), /^\d+$/)
      const readiness = yield* program.request("/readyz")
      assert.strictEqual(readiness.status, 503)
      assert.strictEqual(
        readiness.body.toString(),
        `not ready: waiting for ${kinds.map(({ awaited }) => awaited).join(", ")}\n`
      )
      api.isDown = false
      yield* program.until(other.digest, 200)
      yield* Effect.repeat(program.request("/readyz"), { until: ({ status }) => status === 200 })
      const logged = program.lines.join("\n")
      for (const secret of [...passwords, "s3cr3t-token", btoa(`reader:${passwords[0]}`)]) {
        assert.notInclude(logged, secret)
      }
    })
  )

  test(
    "shares one API client between credentials and access control",
    Effect.gen(function* () {
      const here = yield* world
      const { api, kubeconfig, registry, secretWith } = here
      const own = yield* registry.putPackage("own", randomBytes(1000))
      api.apply(secrets, secretWith(passwords[0]))
      api.reviews.users.set("token-of-a-node", { username: "node" })
      api.reviews.allows = ({ user }) => user === "node"
      const { layer, location } = Cluster.make(ClusterLocation.kubeconfig(kubeconfig), {})
      let built = 0
      const counted = Layer.unwrap(
        Effect.sync(() => {
          built++
          return layer
        })
      )
      const program = yield* start(here, { location, layer: counted })
      yield* program.until(own.digest, 200)
      const [, secure = ""] = /"listening",\{"url":"(https:[^"]+)"/.exec(program.lines.join("\n")) ?? []
      assert.strictEqual(yield* statusWith(`${secure}/package?digest=${own.digest}`, "token-of-a-node"), 200)
      assert.strictEqual(built, 1)
    })
  )
})
