import { Effect } from "effect"
import { bodies } from "./Bodies.ts"
import { challenges } from "./Challenges.ts"
import { dockerConfigs } from "./DockerConfigs.ts"
import { indexes } from "./Indexes.ts"
import { manifests } from "./Manifests.ts"
import { proxies } from "./Proxies.ts"
import { redirects } from "./Redirects.ts"
import { tokens } from "./Tokens.ts"
import { trustAnchors } from "./TrustAnchors.ts"

/** All scenarios in which the tests compare registry-packages-proxy with the other clients. */
export const scenarios = Effect.map(Effect.all([trustAnchors, proxies]), ([trustAnchors, proxies]) => [
  ...challenges,
  ...tokens,
  ...redirects,
  ...bodies,
  ...manifests,
  ...indexes,
  ...dockerConfigs,
  ...trustAnchors,
  ...proxies
])
