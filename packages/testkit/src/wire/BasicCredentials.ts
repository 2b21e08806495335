/**
 * A user name and a password in plain text (RFC 7617). In registry-packages-proxy, `BasicCredential` has a redacted
 * password instead.
 */
export interface BasicCredentials {
  readonly username: string
  readonly password: string
}

/** Returns the value of an Authorization or Proxy-Authorization field with these credentials. */
export const basicAuthorization = ({ password, username }: BasicCredentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`
