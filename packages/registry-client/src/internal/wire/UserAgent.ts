import { userAgent as name } from "@registry-packages-proxy/node-net/UserAgent"

/** The User-Agent field of all requests to registries. */
export const userAgentHeader = { "user-agent": name } as const
