import { Effect } from "effect"
import type { Target } from "./FuzzSuite.ts"
import { nearBytes } from "./Mutations.ts"
import * as Wire from "./Wire.ts"

const digest = Wire.image.digest
const repository = encodeURIComponent(Wire.repository)

const single = (parameters: URLSearchParams, name: string): string | undefined => {
  const values = parameters.getAll(name)
  return values.length > 1 ? undefined : (values[0] ?? "")
}

/**
 * Fuzzes the request targets (path and query) of package requests. A request with another digest or a repeated
 * parameter must not get the package.
 */
export const target: Target<string> = {
  name: "query",
  input: nearBytes({
    samples: [
      `/package?digest=${digest}`,
      `/package?digest=${digest}&repository=&path=`,
      `/package?digest=${digest}&repository=${repository}&path=a/b-c`,
      `/package?repository=${Wire.repository}&digest=${encodeURIComponent(digest)}&path=%2Fa%2F`,
      "/package"
    ],
    pieces: [
      "digest=",
      "&digest=",
      "&repository=",
      "&path=",
      digest,
      "sha512:",
      repository,
      "a/",
      "_",
      "é",
      "+",
      "*"
    ],
    longest: 20_000
  }),
  size: (input) => input.length,
  millisPerMiB: 2_000,
  make: Effect.map(Wire.make, ({ send }) => async (input) => {
    const request = `GET ${input} HTTP/1.1\r\nHost: x\r\n\r\n`
    const [response] = await send(Buffer.from(request, "latin1"))
    if (response?.status !== 200 || response.headers.get("etag") === undefined) return
    // The parser ends the target at the first space.
    const [shown = ""] = input.trimStart().split(/[ \r\n]/)
    const parameters = new URLSearchParams(shown.slice(shown.indexOf("?") + 1))
    if (single(parameters, "digest") !== digest)
      throw new Error("the package for a request with another digest")
    const from = single(parameters, "repository")
    if (from === undefined || single(parameters, "path") === undefined) throw new Error("a parameter twice")
  })
}
