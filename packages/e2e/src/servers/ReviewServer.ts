/**
 * An API server of reviews alone, in a process of its own: `ReviewServer.ts GOOD_TOKEN`. That token's user may everything,
 * every other token is no good; there are no objects. Each answer takes a few milliseconds, so that reviews overlap; GET /asked tells how many
 * TokenReviews there were and how many requests at most at once. After GET /silence no review is answered; after GET /speech
 * those that come then are, those before never.
 */
import { createServer, type ServerResponse } from "node:http"

const [, , good = ""] = process.argv
let tokenReviews = 0
let underWay = 0
let most = 0
let isSilent = false

const statusOf = (path: string, spec: { readonly token?: string }): object => {
  if (!path.endsWith("/tokenreviews")) return { allowed: true }
  tokenReviews++
  return spec.token === good
    ? { authenticated: true, user: { username: "good", groups: ["system:authenticated"] } }
    : { authenticated: false }
}

/** Of every kind there is nothing, and nothing happens. */
const nothing = (path: string, response: ServerResponse): void => {
  if (path.includes("/secrets/")) return void response.writeHead(404).end("{}")
  response.writeHead(200, { "content-type": "application/json" })
  if (path.includes("watch=")) return response.flushHeaders()
  response.end(
    JSON.stringify({ kind: "List", apiVersion: "v1", metadata: { resourceVersion: "1" }, items: [] })
  )
}

const server = createServer((request, response) => {
  const path = request.url ?? ""
  if (path === "/asked") return void response.end(JSON.stringify({ tokenReviews, most }))
  if (path === "/silence" || path === "/speech") {
    isSilent = path === "/silence"
    return void response.end()
  }
  if (request.method !== "POST") return nothing(path, response)
  most = Math.max(most, ++underWay)
  response.once("close", () => void underWay--)
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const review = JSON.parse(Buffer.concat(chunks).toString()) as {
      readonly spec: { readonly token?: string }
    }
    const status = statusOf(path, review.spec)
    if (isSilent) return
    setTimeout(() => {
      response.writeHead(201, { "content-type": "application/json" })
      response.end(JSON.stringify({ ...review, status }))
    }, 3)
  })
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`)
})
