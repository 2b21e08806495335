/**
 * A user name and a password in plain text (RFC 7617). The program's own `BasicCredential` has a redacted password
 * instead.
 */
export interface BasicCredentials {
  readonly username: string
  readonly password: string
}

/** The value of an Authorization or Proxy-Authorization field with these credentials. */
export const basicAuthorization = ({ password, username }: BasicCredentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`
