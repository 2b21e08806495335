import { userAgent as name } from "@registry-packages-proxy/node-net/UserAgent"

/** The User-Agent that registries and token services see in their logs. */
export const userAgent = { "user-agent": name } as const
