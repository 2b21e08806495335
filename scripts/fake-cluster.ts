/**
 * Serves a fake API server until Ctrl-C. Prints a command that runs registry-packages-proxy with this API server. Also
 * prints curl commands for the secure port of registry-packages-proxy. Each command sends a token. The token is the
 * name of a route, or `none`. A user whose token is the name of a route has only the permission that this route
 * requires. The user with the token `none` has no permission.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Logger } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Route, routes } from "../packages/proxy/src/http/request/Routes.ts"
import { watchedCollections } from "../packages/testkit/src/credential-store/CredentialStoreObjects.ts"
import { FakeKubernetes } from "../packages/testkit/src/kubernetes/FakeKubernetes.ts"
import * as FakeKubernetesHttp from "../packages/testkit/src/kubernetes/FakeKubernetesHttp.ts"

const secure = "127.0.0.1:5443"

/** The routes that require authorization, by name. */
const guarded = new Map<string | undefined, Route>(
  Object.entries(routes).filter(([, { access }]) => access !== "anonymous")
)

const makeApiServer = (): FakeKubernetes => {
  const api = new FakeKubernetes({ collections: watchedCollections })
  for (const name of [...Object.keys(routes), "none"]) api.reviews.users.set(name, { username: name })
  api.reviews.allows = ({ resourceAttributes, user }) => {
    const access = guarded.get(user)?.access ?? "anonymous"
    return access !== "anonymous" && resourceAttributes["subresource"] === access.subresource
  }
  return api
}

const kubeconfigFor = (server: string): string =>
  JSON.stringify({
    "current-context": "fake",
    contexts: [{ name: "fake", context: { cluster: "fake", user: "fake" } }],
    clusters: [{ name: "fake", cluster: { server } }],
    users: [{ name: "fake", user: { token: "of-the-program" } }]
  })

const curl = (token: string, path: string): string =>
  `  curl -ik --noproxy '*' -H 'Authorization: Bearer ${token}' https://${secure}${path}`

const serve = Effect.gen(function* () {
  const { origin } = yield* FakeKubernetesHttp.listen(makeApiServer())
  const directory = mkdtempSync(join(tmpdir(), "fake-cluster-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true, force: true })))
  const kubeconfig = join(directory, "kubeconfig")
  writeFileSync(kubeconfig, kubeconfigFor(origin))
  const requests = [...guarded].flatMap(([token = "", { path }]) => [curl(token, path), curl("none", path)])
  console.log(`A fake API server, until Ctrl-C. Run the program with it, from another terminal:

  node_modules/.bin/node packages/proxy/src/main.ts --kubeconfig ${kubeconfig} \\
    --secure-listen-address ${secure} --cache-directory ${directory}/cache

Ask it, from a third; a token is the name of the only guarded route that its user may call:

${requests.join("\n")}
`)
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.provide(Logger.layer([])))

NodeRuntime.runMain(serve)
