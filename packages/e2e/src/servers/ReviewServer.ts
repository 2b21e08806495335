/**
 * A fake API server that responds to reviews and has no objects. Usage: `ReviewServer.ts GOOD_TOKEN`. The user of
 * GOOD_TOKEN may do everything, and other tokens are invalid. A review takes at least 3 ms, so that reviews overlap.
 * GET /counts returns the number of TokenReviews, and the largest number of reviews that were in progress at the same
 * time. After GET /silence, reviews get no response. After GET /resume, new reviews get responses again. Reviews sent
 * during the silence never get a response.
 */
import { createServer, type ServerResponse } from "node:http"

const [, , good = ""] = process.argv
let tokenReviews = 0
let inProgress = 0
let mostInProgress = 0
let isSilent = false

const statusOf = (path: string, spec: { readonly token?: string }): object => {
  if (!path.endsWith("/tokenreviews")) return { allowed: true }
  tokenReviews++
  return spec.token === good
    ? { authenticated: true, user: { username: "good", groups: ["system:authenticated"] } }
    : { authenticated: false }
}

/** Responds as if no objects exist. A request for a Secret gets 404, a list is empty, and a watch has no events. */
const respondEmpty = (path: string, response: ServerResponse): void => {
  if (path.includes("/secrets/")) return void response.writeHead(404).end("{}")
  response.writeHead(200, { "content-type": "application/json" })
  if (path.includes("watch=")) return response.flushHeaders()
  response.end(
    JSON.stringify({ kind: "List", apiVersion: "v1", metadata: { resourceVersion: "1" }, items: [] })
  )
}

const server = createServer((request, response) => {
  const path = request.url ?? ""
  if (path === "/counts") return void response.end(JSON.stringify({ tokenReviews, mostInProgress }))
  if (path === "/silence" || path === "/resume") {
    isSilent = path === "/silence"
    return void response.end()
  }
  if (request.method !== "POST") return respondEmpty(path, response)
  mostInProgress = Math.max(mostInProgress, ++inProgress)
  response.once("close", () => void inProgress--)
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
