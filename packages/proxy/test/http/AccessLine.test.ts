import { assert, it } from "@effect/vitest"
import * as RegistryImage from "@registry-packages-proxy/testkit/RegistryImage"
import { Array, Effect, Logger, Predicate } from "effect"
import { bytes, start, withPlatform } from "./harness.ts"

it.effect("each request but a probe has one line, with the bytes of its body", () => {
  const lines: Array<unknown> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    const [what, fields] = Array.ensure(message)
    if (what !== "request" || !Predicate.isReadonlyObject(fields)) return
    const { bytes, cache, method, route, status, upstream } = fields as Record<string, unknown>
    lines.push({ method, route, status, bytes, cache, upstream })
  })
  return withPlatform(
    Effect.gen(function* () {
      const [small, large] = [RegistryImage.ofPackage(bytes(1000)), RegistryImage.ofPackage(bytes(300_000))]
      const proxy = yield* start({ images: [small, large] })
      yield* proxy.request("/healthz")
      yield* proxy.request("/readyz")
      yield* proxy.package(small.digest)
      yield* proxy.package(small.digest)
      yield* proxy.package(large.digest)
      yield* proxy.package(small.digest, { method: "HEAD" })
      const problem = yield* proxy.package("nonsense")
      const line = { method: "GET", route: "package", status: 200, upstream: undefined }
      assert.deepStrictEqual(lines, [
        { ...line, bytes: 1000, cache: "miss", upstream: "registry.test" },
        { ...line, bytes: 1000, cache: "memory" },
        { ...line, bytes: 300_000, cache: "miss", upstream: "registry.test" },
        { ...line, method: "HEAD", bytes: 0, cache: "memory" },
        { ...line, status: 400, bytes: problem.body.length, cache: undefined }
      ])
    })
  ).pipe(Effect.provide(Logger.layer([logger])))
})
