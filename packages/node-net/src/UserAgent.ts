/** The name by which servers and proxies see this program in their logs. */
export const userAgent = "registry-packages-proxy"
