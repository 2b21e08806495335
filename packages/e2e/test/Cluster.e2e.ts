import { assert, layer } from "@effect/vitest"
import { Clock, Console, Effect } from "effect"
import * as Command from "../src/Command.ts"
import { clusterPath } from "../src/CredentialsFile.ts"
import { ClusterBed } from "../src/cluster/ClusterBed.ts"
import * as Helm from "../src/cluster/Helm.ts"
import { loginWith } from "../src/KubeBed.ts"
import { registrySecret } from "../src/KubeObjects.ts"
import { shownOnFailure } from "../src/Logs.ts"
import { options, TestBed } from "../src/TestBed.ts"

layer(ClusterBed.layer, options)("The chart in a cluster", (it) => {
  it.effect("installs, and a package comes", () =>
    Effect.gen(function* () {
      const { admin, helm, nodes } = yield* ClusterBed
      const { layout, registry } = yield* TestBed
      const image = yield* layout.image({ name: "first", size: 300_000, seed: 7 })
      yield* registry.push(layout, image, clusterPath)
      yield* admin.apply(
        registrySecret(clusterPath, { host: registry.host, ca: registry.ca, login: loginWith(registry.host) })
      )
      const began = yield* Clock.currentTimeMillis
      const said = yield* helm.install()
      yield* Console.log(said, (yield* Clock.currentTimeMillis) - began)
      const token = yield* Command.run(
        "sh",
        [
          "-c",
          `kubectl -n ${Helm.namespace} get secret registry-packages-proxy-token -o go-template='{{.data.token|base64decode}}'`
        ],
        { env: { ...helm.env, PATH: `${helm.bin}:/usr/bin:/bin` } }
      )
      for (const { address } of nodes.masters()) {
        const out = yield* Command.run("curl", [
          "-ksS",
          "-D-",
          "-o/dev/null",
          "-H",
          `Authorization: Bearer ${token}`,
          `https://${address}:4219/package?digest=${image.digest}&repository=&path=`
        ])
        yield* Console.log(out)
        assert.match(out, /200 OK/)
      }
    }).pipe(Effect.scoped, shownOnFailure)
  )
})
