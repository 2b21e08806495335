import { userAgent as name } from "@registry-packages-proxy/node-net/UserAgent"

/** The User-Agent field of all requests to registries, token services and redirect targets. */
export const userAgentHeader = { "user-agent": name } as const
