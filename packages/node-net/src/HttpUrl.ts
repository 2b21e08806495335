import { Data, Redacted, Result } from "effect"
import { toAscii } from "./HostName.ts"
import { net } from "./NodeModules.ts"

/** The error for a text that is not an http or https URL. Contains no part of the text, which may be secret. */
export class InvalidUrl extends Data.TaggedError("InvalidUrl")<{
  readonly reason: "not a URL" | "unsupported scheme"
}> {
  override get message(): string {
    return this.reason === "not a URL" ? "it is not a URL" : "its scheme is neither http nor https"
  }
}

/** The username and password before the host of a URL, percent-decoded. Either may be empty. */
export interface UserInfo {
  readonly username: string
  readonly password: Redacted.Redacted
}

type Parts = Pick<HttpUrl, "protocol" | "authority" | "hostname" | "port" | "target" | "userInfo">

const defaultPorts = { "http:": 80, "https:": 443 } as const

/**
 * An http or https URL that writes its path and query as Go's net/url does. WHATWG's `URL` writes some characters
 * differently (`'`, `|`, `"`, escaped dots, a lone `?`). That would invalidate the signature of a signed URL.
 *
 * All text is Latin-1, as in header fields, so that each character is one byte. The fragment is dropped.
 */
export class HttpUrl {
  readonly protocol: "http:" | "https:"
  /**
   * The host of the URL, and the port if the URL contains a port. This is the value of the Host field. A non-ASCII or
   * percent-encoded name is converted to ASCII.
   */
  readonly authority: string
  /** A name in lowercase ASCII (RFC 5890), or an IP address without brackets. */
  readonly hostname: string
  readonly port: number
  /** The path and query, as in a request line. */
  readonly target: string
  /** Undefined if the URL has none. Not part of `href`. */
  readonly userInfo: UserInfo | undefined

  private constructor(parts: Parts) {
    this.protocol = parts.protocol
    this.authority = parts.authority
    this.hostname = parts.hostname
    this.port = parts.port
    this.target = parts.target
    this.userInfo = parts.userInfo
  }

  /** Hostname, and the port unless it is the scheme's default. URLs with the same `origin` have the same `host`. */
  get host(): string {
    const hostname = this.hostname.includes(":") ? `[${this.hostname}]` : this.hostname
    return this.port === defaultPorts[this.protocol] ? hostname : `${hostname}:${this.port}`
  }

  get origin(): string {
    return `${this.protocol}//${this.host}`
  }

  /** The whole URL without userinfo and fragment. */
  get href(): string {
    return `${this.protocol}//${this.authority}${this.target}`
  }

  /** Returns this URL with parameters appended to the query. The bytes of the existing query stay the same. */
  withQuery(parameters: Iterable<readonly [name: string, value: string]>): HttpUrl {
    const added = new URLSearchParams([...parameters].map(([name, value]) => [name, value])).toString()
    if (added === "") return this
    const separator = !this.target.includes("?") ? "?" : /[?&]$/.test(this.target) ? "" : "&"
    return this.#at(`${this.target}${separator}${added}`, this.userInfo)
  }

  #at(target: string, userInfo: UserInfo | undefined): HttpUrl {
    const { authority, hostname, port, protocol } = this
    return new HttpUrl({ authority, hostname, port, protocol, target, userInfo })
  }

  /** Parses an absolute URL. Fails if `text` is not an http or https URL. */
  static parse(text: string): Result.Result<HttpUrl, InvalidUrl> {
    const [, scheme, rest = ""] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(withoutFragment(text)) ?? []
    if (scheme === undefined) return notUrl
    const protocol = `${scheme.toLowerCase()}:`
    if (protocol !== "http:" && protocol !== "https:")
      return Result.fail(new InvalidUrl({ reason: "unsupported scheme" }))
    return rest.startsWith("//") ? HttpUrl.#on(protocol, rest.slice(2)) : notUrl
  }

  /**
   * Resolves a Location field against the URL of its request. Fails if the result is not an http or https URL. Source:
   * RFC 3986, section 5.2.
   */
  static resolve(base: HttpUrl, reference: string): Result.Result<HttpUrl, InvalidUrl> {
    const text = withoutFragment(reference)
    if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return HttpUrl.parse(text)
    if (text.startsWith("//") && !text.startsWith("///")) return HttpUrl.#on(base.protocol, text.slice(2))
    const [basePath, baseQuery] = split(base.target)
    const [path, query] = split(text)
    const target =
      path === ""
        ? `${basePath}${escapeQuery(query ?? baseQuery)}`
        : `${removeDots(escapePath(path.startsWith("/") ? path : basePath.slice(0, basePath.lastIndexOf("/") + 1) + path))}${escapeQuery(query)}`
    return Result.succeed(base.#at(target, undefined))
  }

  static #on(protocol: "http:" | "https:", rest: string): Result.Result<HttpUrl, InvalidUrl> {
    const end = rest.search(/[/?]/)
    const before = end === -1 ? rest : rest.slice(0, end)
    const [path, query] = split(end === -1 ? "" : rest.slice(end))
    const at = before.lastIndexOf("@")
    const userInfo = at === -1 ? undefined : readUserInfo(before.slice(0, at))
    const server = readServer(before.slice(at + 1))
    if (userInfo === "invalid" || server === undefined) return notUrl
    const { authority, hostname, port = defaultPorts[protocol] } = server
    const target = `${removeDots(escapePath(path))}${escapeQuery(query)}`
    return Result.succeed(new HttpUrl({ protocol, authority, hostname, port, target, userInfo }))
  }
}

const notUrl = Result.fail(new InvalidUrl({ reason: "not a URL" }))

const withoutFragment = (text: string): string => text.split("#", 1)[0] ?? ""

const split = (text: string): readonly [path: string, query: string | undefined] => {
  const at = text.indexOf("?")
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

const escape = (byte: string): string => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`

// `escapePath` escapes the characters that Go escapes in a path. Go escapes nothing in a query. `escapeQuery` escapes
// only the characters that a request line cannot contain.
const escapePath = (path: string): string => path.replace(/[\0-\x20"<>\\^`{|}\x7f-\xff]/g, escape)
const escapeQuery = (query: string | undefined): string =>
  query === undefined ? "" : `?${query.replace(/[\0-\x20\x7f]/g, escape)}`

/** Removes `.` and `..` segments, but not escaped ones (`%2e`). Source: RFC 3986, section 5.2.4. */
const removeDots = (path: string): string => {
  const kept: Array<string> = []
  const segments = path.split("/").slice(1)
  segments.forEach((segment, index) => {
    const isLast = index === segments.length - 1
    if (segment === "..") kept.pop()
    if (segment !== "." && segment !== "..") kept.push(segment)
    else if (isLast) kept.push("")
  })
  return `/${kept.join("/")}`
}

const utf8 = (bytes: string): string => new TextDecoder().decode(Buffer.from(bytes, "latin1"))

/** Decodes percent-encoded text. Returns undefined if the encoding is malformed. */
const unescape = (text: string): string | undefined =>
  /%(?![0-9a-f]{2})/i.test(text)
    ? undefined
    : text.replace(/%[0-9a-f]{2}/gi, (match) => String.fromCharCode(Number.parseInt(match.slice(1), 16)))

const readUserInfo = (text: string): UserInfo | "invalid" => {
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(text)) return "invalid"
  const colon = text.indexOf(":")
  const username = unescape(colon === -1 ? text : text.slice(0, colon))
  const password = unescape(colon === -1 ? "" : text.slice(colon + 1))
  return username === undefined || password === undefined
    ? "invalid"
    : { username: utf8(username), password: Redacted.make(utf8(password)) }
}

interface Server {
  readonly authority: string
  readonly hostname: string
  readonly port: number | undefined
}

const readServer = (text: string): Server | undefined => {
  const [, host = "", digits = ""] = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d*))?$/.exec(text) ?? []
  const hostname = host.startsWith("[") ? readAddress(host.slice(1, -1)) : readName(host)
  if (hostname === undefined) return undefined
  const port = digits === "" ? undefined : Number(digits)
  if (port !== undefined && (port < 1 || port > 65535)) return undefined
  const isAscii = /^[\x21-\x7e]*$/.test(host)
  const shown = isAscii && !host.includes("%") ? host : hostname
  return { authority: digits === "" ? shown : `${shown}:${digits}`, hostname, port }
}

/** Returns an IPv6 address in its shortest form. Undefined if `text` is not an IPv6 address, or has a zone. */
const readAddress = (text: string): string | undefined =>
  net.isIPv6(text) && !text.includes("%") ? new URL(`http://[${text}]`).hostname.slice(1, -1) : undefined

const readName = (text: string): string | undefined => {
  const bytes = unescape(text)
  if (bytes === undefined) return undefined
  const name = toAscii(utf8(bytes))
  return name !== undefined && name.length <= 255 && /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9._])?$/.test(name)
    ? name
    : undefined
}
