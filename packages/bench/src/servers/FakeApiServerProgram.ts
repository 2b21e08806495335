/**
 * A fake Kubernetes API server. Usage: `FakeApiServerProgram.ts PORT`. It serves only TokenReviews and
 * SubjectAccessReviews, and allows every client.
 */
const { createServer } = process.getBuiltinModule("node:http")

const [, , port = ""] = process.argv

const statusOf = (path: string): object | undefined =>
  path.endsWith("/tokenreviews")
    ? { authenticated: true, user: { username: "bench", groups: ["system:authenticated"] } }
    : path.endsWith("/subjectaccessreviews")
      ? { allowed: true }
      : undefined

createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const status = statusOf(request.url ?? "")
    response.writeHead(status === undefined ? 404 : 201, { "content-type": "application/json" })
    if (status === undefined) return void response.end("{}")
    const review = JSON.parse(Buffer.concat(chunks).toString()) as object
    response.end(JSON.stringify({ ...review, status }))
  })
}).listen(Number(port), "127.0.0.1")
