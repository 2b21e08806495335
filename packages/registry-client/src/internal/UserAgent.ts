/** The User-Agent that registries and token services see in their logs. */
export const userAgent = { "user-agent": "registry-packages-proxy" } as const
