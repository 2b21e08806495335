/**
 * Runs the script of a bundle until it serves and writes the code V8 has for it by then: `warm-up.ts SCRIPT CODE PORT
 * DIRECTORY`. A process of its own, since the program takes all of one.
 */
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer, get } from "node:http"
import { join } from "node:path"
import { Script } from "node:vm"

const [, , file = "", output = "", port = "", directory = ""] = process.argv
const credentials = join(directory, "credentials.yaml")
writeFileSync(
  credentials,
  "apiVersion: deckhouse.io/v1alpha1\nkind: ModuleSource\nmetadata: { name: warm-up }\nspec: { registry: { repo: warm-up.invalid/modules } }\n"
)
const address = `127.0.0.1:${port}`

/** As much of an API server as the program follows: nothing in it, nothing happening. */
const apiServer = createServer((request, response) => {
  const asked = request.url ?? ""
  response.statusCode = asked.includes("/secrets/") ? 404 : 200
  if (asked.includes("watch=")) response.flushHeaders()
  else response.end('{"metadata":{"resourceVersion":"1"},"items":[]}')
}).listen(0, "127.0.0.1")
await once(apiServer, "listening")
const listening = apiServer.address()
const apiPort = typeof listening === "object" ? listening?.port : undefined
const kubeconfig = join(directory, "kubeconfig")
writeFileSync(
  kubeconfig,
  `clusters: [{ name: a, cluster: { server: "http://127.0.0.1:${apiPort}" } }]\nusers: [{ name: a, user: { token: a } }]\ncontexts: [{ name: a, context: { cluster: a, user: a } }]\ncurrent-context: a\n`
)
const script = new Script(readFileSync(file, "latin1"), { filename: file })
process.argv = [
  process.execPath,
  file,
  `--listen-address=${address}`,
  `--credentials-file=${credentials}`,
  `--kubeconfig=${kubeconfig}`,
  `--cache-directory=${join(directory, "cache")}`
]
script.runInThisContext()

const isReady = (): Promise<boolean> =>
  new Promise((resolve) => {
    get(`http://${address}/readyz`, (response) => resolve(response.resume().statusCode === 200)).on(
      "error",
      () => resolve(false)
    )
  })
while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 20))
writeFileSync(output, script.createCachedData())
process.exit()
