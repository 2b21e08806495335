/**
 * A fake API server that floods a watch with events. Usage: `FloodingApiServer.ts PER_SECOND SECONDS`. The server
 * prints its address. A list request returns 500 ModuleSources. A watch sends PER_SECOND modifications of them per
 * second. After SECONDS, the watch sends a new ModuleSource named `last`. Then the server prints `done`, and how many
 * times it waited because of backpressure.
 */
import { createServer, type ServerResponse } from "node:http"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"

const [, , perSecond = "5000", seconds = "10"] = process.argv
const held = 500
const tick = 10

let version = 1000

const moduleSource = (name: string, turn: number) => ({
  apiVersion: "deckhouse.io/v1alpha1",
  kind: "ModuleSource",
  metadata: { name, resourceVersion: String(version), creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: {
    registry: {
      repo: `registry.invalid/${name}`,
      scheme: "HTTPS",
      dockerCfg: btoa(
        JSON.stringify({ auths: { "registry.invalid": { auth: btoa(`reader:turn-${turn}`) } } })
      )
    }
  }
})

const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const flood = async (response: ServerResponse): Promise<void> => {
  const began = performance.now()
  const total = Number(perSecond) * Number(seconds)
  let sent = 0
  let waits = 0
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * Number(perSecond)))
    let lines = ""
    for (; sent < due; sent++) {
      version += 1
      lines += event("MODIFIED", moduleSource(`m${sent % held}`, sent))
    }
    if (lines !== "" && !response.write(lines)) {
      waits += 1
      await once(response, "drain")
    }
    await sleep(tick)
  }
  version += 1
  response.write(event("ADDED", moduleSource("last", 0)))
  say(`done: ${sent} events in ${((performance.now() - began) / 1000).toFixed(1)} s, waited ${waits} times`)
}

const server = createServer((request, response) => {
  const asked = request.url ?? ""
  const isSecret = asked.includes("/secrets")
  if (asked.includes("watch=")) {
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders()
    if (!isSecret) void flood(response)
  } else if (isSecret) {
    response.writeHead(404).end()
  } else {
    const items = Array.from({ length: held }, (_, index) => moduleSource(`m${index}`, 0))
    response.end(JSON.stringify({ metadata: { resourceVersion: String(version) }, items }))
  }
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  say(`listening on http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`)
})
