import { assert, describe, it } from "@effect/vitest"
import { captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as ForwardProxy from "@registry-packages-proxy/testkit/wire/ForwardProxy"
import * as FakeKubernetesHttp from "@registry-packages-proxy/testkit/kubernetes/FakeKubernetesHttp"
import { listenScoped } from "@registry-packages-proxy/testkit/wire/Listening"
import * as RawServer from "@registry-packages-proxy/testkit/wire/RawServer"
import { Context, Effect, Fiber, Layer, Option, Stream } from "effect"
import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { TLSSocket } from "node:tls"
import {
  type ClusterLocation,
  describe as describeLocation,
  inCluster,
  kubeconfig
} from "../../../src/ClusterLocation.ts"
import { ApiServer } from "../../../src/ApiServer.ts"
import { make, path, thing, things } from "../../Harness.ts"
import { kubeconfigText, temporaryDirectory, writeKubeconfig } from "../../Kubeconfig.ts"

const https = process.getBuiltinModule("node:https")

const connect = (location: ClusterLocation, variables?: Readonly<Record<string, string>>) =>
  Effect.map(
    Layer.build(KubernetesApi.layer.pipe(Layer.provide(ApiServer.layerNode(location, variables)))),
    (context) => Context.get(context, KubernetesApi)
  )

const listening = Effect.fnUntraced(function* (accepts: (authorization: string | undefined) => boolean) {
  const api = make()
  api.apply(path, thing("one", "1"))
  const tls = yield* Effect.flatMap(Certificates.makeAuthority, (authority) => authority.issue())
  const server = yield* FakeKubernetesHttp.listen(api, { tls, accepts })
  return { api, tls, server }
})

const valueOf = (api: KubernetesApi["Service"]) => Effect.map(api.get(things, "one"), ({ value }) => value)

const detailOf = (api: KubernetesApi["Service"]) =>
  Effect.map(Effect.flip(api.get(things, "one")), ({ reason }) => `${reason._tag} ${reason.detail}`)

/** Makes an exec plugin that prints a credential. Each run adds a line with KUBERNETES_EXEC_INFO to the file `runs`. */
const plugin = Effect.fnUntraced(function* (credential: object) {
  const directory = yield* temporaryDirectory
  const file = join(directory, "plugin")
  const status = JSON.stringify({
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: credential
  })
  writeFileSync(
    file,
    `#!/bin/sh\nprintf '%s\\n' "$KUBERNETES_EXEC_INFO" >> ${directory}/runs\ncat <<'END'\n${status}\nEND\n`
  )
  chmodSync(file, 0o755)
  return { file, runs: join(directory, "runs") }
})

describe("a kubeconfig", () => {
  it.live(
    "with a token is read again when the file is replaced",
    Effect.fn(function* () {
      let good = "Bearer first"
      const { server, tls } = yield* listening((authorization) => authorization === good)
      const file = yield* writeKubeconfig({ server: server.origin, ca: tls.ca, user: { token: "first" } })
      const api = yield* connect(kubeconfig(file))
      assert.strictEqual(yield* valueOf(api), "1")
      good = "Bearer second"
      assert.match(yield* detailOf(api), /^Forbidden .*401/)
      writeFileSync(
        `${file}.new`,
        kubeconfigText({ server: server.origin, ca: tls.ca, user: { token: "second" } })
      )
      renameSync(`${file}.new`, file)
      assert.strictEqual(yield* valueOf(api), "1")
    }, Effect.scoped)
  )

  it.live(
    "with a token file reads it again when it changes",
    Effect.fn(function* () {
      let good = "Bearer first"
      const { server, tls } = yield* listening((authorization) => authorization === good)
      const file = yield* writeKubeconfig({
        server: server.origin,
        ca: tls.ca,
        user: { tokenFile: "token", token: "not this" }
      })
      writeFileSync(join(dirname(file), "token"), "first\n")
      const api = yield* connect(kubeconfig(file))
      assert.strictEqual(yield* valueOf(api), "1")
      good = "Bearer the-second"
      writeFileSync(join(dirname(file), "token"), "the-second\n")
      assert.strictEqual(yield* valueOf(api), "1")
      assert.notInclude(server.authorizations, "Bearer not this")
      assert.strictEqual(server.authorizations.length, 2)
    }, Effect.scoped)
  )

  it.live(
    "with a user name and a password authenticates by Basic",
    Effect.fn(function* () {
      const { server, tls } = yield* listening((authorization) => authorization === `Basic ${btoa("u:p")}`)
      const user = { username: "u", password: "p" }
      const api = yield* connect(
        kubeconfig(yield* writeKubeconfig({ server: server.origin, ca: tls.ca, user }))
      )
      assert.strictEqual(yield* valueOf(api), "1")
    }, Effect.scoped)
  )

  it.live(
    "with a client certificate authenticates by it",
    Effect.fn(function* () {
      const authority = yield* Certificates.makeAuthority
      const tls = yield* authority.issue()
      const client = yield* authority.issue({ commonName: "the-proxy", extendedKeyUsage: "client" })
      const names: Array<unknown> = []
      const server = https.createServer(
        { key: tls.key, cert: tls.chain, ca: tls.ca, requestCert: true, rejectUnauthorized: true },
        (request, response) => {
          names.push((request.socket as TLSSocket).getPeerCertificate().subject.CN)
          response.end(JSON.stringify(thing("one", "1")))
        }
      )
      const port = yield* listenScoped(server, () => {
        server.close()
        server.closeAllConnections()
      })
      const file = yield* writeKubeconfig({
        server: `https://127.0.0.1:${port}`,
        ca: tls.ca,
        user: {
          "client-certificate-data": btoa(client.chain),
          "client-key-data": btoa(client.key)
        }
      })
      const api = yield* connect(kubeconfig(file))
      assert.strictEqual(yield* valueOf(api), "1")
      assert.deepStrictEqual(names, ["the-proxy"])
    }, Effect.scoped)
  )

  it.live(
    "with an exec plugin runs it once for concurrent requests, with KUBERNETES_EXEC_INFO",
    Effect.fn(function* () {
      const { server, tls } = yield* listening((authorization) => authorization === "Bearer of-the-plugin")
      const { file, runs } = yield* plugin({ token: "of-the-plugin" })
      const exec = { apiVersion: "client.authentication.k8s.io/v1", command: file, interactiveMode: "Never" }
      const api = yield* connect(
        kubeconfig(yield* writeKubeconfig({ server: server.origin, ca: tls.ca, user: { exec } }))
      )
      yield* Effect.all([valueOf(api), valueOf(api), valueOf(api)], { concurrency: "unbounded" })
      const { readFileSync } = process.getBuiltinModule("node:fs")
      const told = readFileSync(runs, "utf8").trim().split("\n")
      assert.lengthOf(told, 1)
      assert.include(told[0], '"kind":"ExecCredential"')
    }, Effect.scoped)
  )

  it.live(
    "with a failing exec plugin says so without the plugin's output",
    Effect.fn(function* () {
      const exec = { command: "sh", args: ["-c", "echo s3cr3t-of-the-plugin >&2; exit 1"] }
      const api = yield* connect(
        kubeconfig(yield* writeKubeconfig({ server: "https://127.0.0.1:1", user: { exec } }))
      )
      const detail = yield* detailOf(api)
      assert.include(detail, "exec plugin failed")
      assert.notInclude(detail, "s3cr3t")
    }, Effect.scoped)
  )

  it.live(
    "with a path in its server's URL prefixes all paths with it",
    Effect.fn(function* () {
      const fake = make()
      fake.missingPaths.add(`/k8s/clusters/one${path}`)
      const { origin } = yield* FakeKubernetesHttp.listen(fake)
      const api = yield* connect(
        kubeconfig(yield* writeKubeconfig({ server: `${origin}/k8s/clusters/one/`, user: {} }))
      )
      assert.match(yield* detailOf(api), /^NotFound/)
      assert.strictEqual(fake.requests[0]?.path, `/k8s/clusters/one${path}/one`)
    }, Effect.scoped)
  )

  for (const [name, text, expected] of [
    ["is absent", undefined, /kubeconfig does not exist/],
    ["is broken", "clusters: [{name: s3cr3t", /kubeconfig cannot be read: line 1 is not valid YAML/],
    ["names no current context", '{"clusters":[],"contexts":[],"users":[]}', /no current context/],
    [
      "has a user with an auth-provider",
      kubeconfigText({
        server: "https://127.0.0.1:1",
        user: { "auth-provider": { name: "oidc", config: { "id-token": "s3cr3t" } } }
      }),
      /auth-provider/
    ]
  ] as const) {
    it.live(
      `that ${name} is named in the error, and used once it is corrected`,
      Effect.fn(function* () {
        const { server, tls } = yield* listening(() => true)
        const file = join(yield* temporaryDirectory, "kubeconfig")
        if (text !== undefined) writeFileSync(file, text)
        const api = yield* connect(kubeconfig(file))
        const detail = yield* detailOf(api)
        assert.match(detail, /^Unreachable /)
        assert.match(detail, expected)
        assert.notInclude(detail, "s3cr3t")
        writeFileSync(file, kubeconfigText({ server: server.origin, ca: tls.ca, user: {} }))
        assert.strictEqual(yield* valueOf(api), "1")
      }, Effect.scoped)
    )
  }
})

describe("a pod's service account", () => {
  const place = Effect.fnUntraced(function* (origin: string, ca: string, token: string) {
    const directory = yield* temporaryDirectory
    writeFileSync(join(directory, "ca.crt"), ca)
    writeFileSync(join(directory, "token"), token)
    const { hostname, port } = new URL(origin)
    const variables = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }
    return { directory, location: Option.getOrThrow(inCluster(variables, directory)) }
  })

  it.live(
    "is used with its current token after the token changed",
    Effect.fn(function* () {
      let good = "Bearer first"
      const { server, tls } = yield* listening((authorization) => authorization === good)
      const { directory, location } = yield* place(server.origin, tls.ca, "first\n")
      const api = yield* connect(location)
      assert.strictEqual(yield* valueOf(api), "1")
      good = "Bearer second"
      writeFileSync(join(directory, "token"), "second")
      assert.strictEqual(yield* valueOf(api), "1")
      rmSync(join(directory, "token"))
      assert.match(yield* detailOf(api), /token does not exist/)
    }, Effect.scoped)
  )

  it.live(
    "trusts only the cluster's CA, also after a replacement",
    Effect.fn(function* () {
      const { server, tls } = yield* listening(() => true)
      const other = yield* Effect.flatMap(Certificates.makeAuthority, (authority) => authority.issue())
      const { directory, location } = yield* place(server.origin, other.ca, "token")
      const api = yield* connect(location)
      assert.match(yield* detailOf(api), /not trusted/)
      writeFileSync(join(directory, "ca.crt"), tls.ca)
      assert.strictEqual(yield* valueOf(api), "1")
    }, Effect.scoped)
  )

  it("is found by the environment, also with an IPv6 address", () => {
    const variables = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" }
    assert.strictEqual(
      describeLocation(Option.getOrThrow(inCluster(variables))),
      "the API server of this cluster, [fd00::1]:443"
    )
    assert.isTrue(Option.isNone(inCluster({})))
    assert.isTrue(Option.isNone(inCluster({ KUBERNETES_SERVICE_HOST: "10.0.0.1" })))
  })
})

describe("connections", () => {
  it.live(
    "are kept and shared, and replaced when the server closes them",
    Effect.fn(function* () {
      const { api: fake, server, tls } = yield* listening(() => true)
      const file = yield* writeKubeconfig({ server: server.origin, ca: tls.ca, user: {} })
      const api = yield* connect(kubeconfig(file))
      yield* valueOf(api)
      yield* valueOf(api)
      assert.strictEqual(server.openConnections(), 1)
      fake.isDown = true
      assert.match(yield* detailOf(api), /^Unreachable .*closed/)
      fake.isDown = false
      assert.strictEqual(yield* valueOf(api), "1")
    }, Effect.scoped)
  )

  it.live(
    "of a watch are closed when it is interrupted",
    Effect.fn(function* () {
      const { api: fake, server, tls } = yield* listening(() => true)
      const file = yield* writeKubeconfig({ server: server.origin, ca: tls.ca, user: {} })
      const api = yield* connect(kubeconfig(file))
      const running = yield* Effect.forkChild(Stream.runDrain(api.listWatch(things)))
      yield* Effect.repeat(Effect.yieldNow, { until: () => fake.watches.length === 1 })
      yield* Fiber.interrupt(running)
      yield* Effect.repeat(Effect.yieldNow, { until: () => fake.watches.length === 0 })
    }, Effect.scoped)
  )

  it.live(
    "that are refused are named as refused in the error",
    Effect.fn(function* () {
      const api = yield* connect(
        kubeconfig(yield* writeKubeconfig({ server: "https://127.0.0.1:1", user: {} }))
      )
      assert.strictEqual(
        yield* detailOf(api),
        "Unreachable the API server at 127.0.0.1:1 cannot be reached: the connection was refused: nothing listens there"
      )
    }, Effect.scoped)
  )
})

describe("a certificate authority", () => {
  const broken = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"

  it.live(
    "need not be a root: any configured certificate is a trust anchor",
    Effect.fn(function* () {
      const between = yield* (yield* Certificates.makeAuthority).makeIntermediate()
      const tls = yield* between.issue()
      for (const ca of [between.cert, tls.cert]) {
        const api = make()
        api.apply(path, thing("one", "1"))
        const server = yield* FakeKubernetesHttp.listen(api, { tls, accepts: () => true })
        const file = yield* writeKubeconfig({ server: server.origin, ca, user: {} })
        assert.strictEqual(yield* valueOf(yield* connect(kubeconfig(file))), "1")
      }
    }, Effect.scoped)
  )

  it.live(
    "is used beside an unreadable block, which is logged as a warning",
    Effect.fn(function* () {
      const { server, tls } = yield* listening(() => true)
      const log = captureLog("Warn")
      const file = yield* writeKubeconfig({ server: server.origin, ca: `${broken}${tls.ca}`, user: {} })
      const api = yield* connect(kubeconfig(file))
      const value = Effect.provide(Effect.all([valueOf(api), valueOf(api)]), log.layer)
      assert.deepStrictEqual(yield* value, ["1", "1"])
      assert.deepStrictEqual(log.lines.length, 1)
      assert.include(log.lines[0], "unreadable PEM blocks")
    }, Effect.scoped)
  )

  it.live(
    "without a readable certificate is named in the error",
    Effect.fn(function* () {
      const { server } = yield* listening(() => true)
      const file = yield* writeKubeconfig({ server: server.origin, ca: broken, user: {} })
      assert.include(yield* detailOf(yield* connect(kubeconfig(file))), "holds no PEM certificate")
    }, Effect.scoped)
  )
})

describe("a proxy", () => {
  const name = "api.example.test"

  /** Makes an API server that clients can reach only through a proxy. `write` writes a kubeconfig for this server. */
  const behind = Effect.fnUntraced(function* (
    options: Omit<ForwardProxy.ForwardProxyOptions, "target"> = {}
  ) {
    const api = make()
    api.apply(path, thing("one", "1"))
    const tls = yield* (yield* Certificates.makeAuthority).issue({ subjectAltNames: [name] })
    const server = yield* FakeKubernetesHttp.listen(api, { tls, accepts: () => true })
    const proxy = yield* ForwardProxy.make({ ...options, target: new URL(server.origin).host })
    const write = (cluster: Readonly<Record<string, unknown>> = {}) =>
      writeKubeconfig({ server: `https://${name}:6443`, ca: tls.ca, user: {}, cluster })
    return { proxy, write }
  })

  it.live(
    "of the environment is used for the API server",
    Effect.fn(function* () {
      const { proxy, write } = yield* behind()
      const api = yield* connect(kubeconfig(yield* write()), { HTTPS_PROXY: proxy.host })
      assert.strictEqual(yield* valueOf(api), "1")
      assert.deepStrictEqual(
        proxy.requests.map(({ method, target }) => `${method} ${target}`),
        [`CONNECT ${name}:6443`]
      )
    }, Effect.scoped)
  )

  it.live(
    "of the environment is not used if NO_PROXY names the API server",
    Effect.fn(function* () {
      const { proxy, write } = yield* behind()
      const variables = { HTTPS_PROXY: proxy.host, NO_PROXY: "example.test:6443" }
      yield* detailOf(yield* connect(kubeconfig(yield* write()), variables))
      assert.lengthOf(proxy.requests, 0)
    }, Effect.scoped)
  )

  it.live(
    "of the kubeconfig (proxy-url) takes precedence over the environment's",
    Effect.fn(function* () {
      const { proxy, write } = yield* behind()
      const variables = { HTTPS_PROXY: "http://127.0.0.1:1", NO_PROXY: "*" }
      const file = yield* write({ "proxy-url": `http://${proxy.host}` })
      assert.strictEqual(yield* valueOf(yield* connect(kubeconfig(file), variables)), "1")
      assert.lengthOf(proxy.requests, 1)
    }, Effect.scoped)
  )

  it.live(
    "that refuses a tunnel is named in the error, without its credentials",
    Effect.fn(function* () {
      const { proxy, write } = yield* behind({ credentials: { username: "other", password: "other" } })
      const file = yield* write({ "proxy-url": `http://proxyuser:proxypass@${proxy.host}` })
      const detail = yield* detailOf(yield* connect(kubeconfig(file)))
      assert.include(detail, "the proxy in the kubeconfig's proxy-url refused the user and password")
      assert.notMatch(detail, /proxyuser|proxypass/)
    }, Effect.scoped)
  )

  it.live(
    "with an unsupported scheme is named in the error",
    Effect.fn(function* () {
      const { write } = yield* behind()
      const file = yield* write({ "proxy-url": "socks5://s3cret@proxy.test" })
      const detail = yield* detailOf(yield* connect(kubeconfig(file)))
      assert.include(detail, "proxy-url cannot be used: its scheme is socks5")
      assert.notInclude(detail, "s3cret")
    }, Effect.scoped)
  )
})

it.live(
  "a response head of 200 KB is accepted, one of more than 256 KiB is an error",
  Effect.fn(function* () {
    const body = JSON.stringify(thing("one", "1"))
    const large = yield* RawServer.make(() =>
      RawServer.withContentLength(200, body, { "X-Audit": "v".repeat(200_000) })
    )
    const endless = yield* RawServer.make(() =>
      RawServer.withContentLength(200, body, { "X-Audit": "v".repeat(300_000) })
    )
    const at = (server: RawServer.RawServer) =>
      Effect.flatMap(writeKubeconfig({ server: server.origin, user: {} }), (file) =>
        connect(kubeconfig(file))
      )
    assert.strictEqual(yield* valueOf(yield* at(large)), "1")
    assert.include(yield* detailOf(yield* at(endless)), "longer than 256 KiB")
  }, Effect.scoped)
)
