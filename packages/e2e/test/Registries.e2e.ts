import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { PrivateRegistry } from "../src/registries/PrivateRegistry.ts"
import * as Distribution from "../src/registries/Distribution.ts"
import * as Gitea from "../src/registries/Gitea.ts"
import * as MemoryRegistry from "../src/registries/MemoryRegistry.ts"
import * as ServerBuild from "../src/run/ServerBuild.ts"
import { type ExtraTest, suite } from "./PrivateRegistrySuite.ts"

interface WithTokens extends PrivateRegistry {
  readonly issuedScopes: () => ReadonlyArray<ReadonlyArray<string>>
}

const oneToken: ExtraTest<WithTokens> = {
  name: "issues tokens for one repository each, to pull only",
  run: ({ registry }) =>
    Effect.sync(() => {
      const pulls = registry
        .issuedScopes()
        .filter((scopes) => scopes.every((scope) => scope.endsWith(":pull")))
      assert.isAbove(pulls.length, 0)
      for (const scopes of pulls) assert.match(scopes.join(" "), /^repository:modules(\/\S+)?:pull$/)
    })
}

const debian = (wantsTokens: boolean) =>
  Distribution.make("docker-registry", "docker-registry", { wantsTokens })

const newest = (wantsTokens: boolean) =>
  Effect.flatMap(ServerBuild.buildServer("distribution"), (command) =>
    Distribution.make("distribution", command, { wantsTokens })
  )

suite("Debian's docker-registry, with a password", debian(false))
suite("Debian's docker-registry, with a token service", debian(true), [oneToken])
suite("Distribution 3, with a password", newest(false))
suite("Distribution 3, with a token service", newest(true), [oneToken])
suite("go-containerregistry's registry", MemoryRegistry.make)
suite("Gitea, which gives tokens itself", Gitea.make)
