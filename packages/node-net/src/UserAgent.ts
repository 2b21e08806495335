/** The User-Agent of all requests. */
export const userAgent = "registry-packages-proxy"
