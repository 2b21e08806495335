/** The value of the User-Agent field of all requests. */
export const userAgent = "registry-packages-proxy"
