/** The value of the User-Agent field in all requests that registry-packages-proxy sends. */
export const userAgent = "registry-packages-proxy"
