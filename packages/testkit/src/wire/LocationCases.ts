import { utf8AsLatin1 } from "./Latin1.ts"

/**
 * The Location field of a redirect from {@link locationBase}, and the request that a client must send next.
 * `goBehaviour` describes net/url and net/http of Go 1.26.
 */
export interface LocationCase {
  readonly situation: string
  /** The value of the Location field. One character is one byte. */
  readonly location: string
  /** The Host field and the target of the next request. Undefined if the client must reject the Location. */
  readonly expectedRequest:
    | { readonly host: string; readonly target: string; readonly scheme?: "http" }
    | undefined
  /**
   * A description of how Go's behaviour differs from `expectedRequest`. The text `the same` means that it does not
   * differ.
   */
  readonly goBehaviour: string
}

/** The URL of the request that is redirected. A relative `location` is resolved against this URL. */
export const locationBase = "https://registry.test/v2/a/blobs/x?q=1"

const here = (
  situation: string,
  location: string,
  target: string = location,
  goBehaviour = "the same"
): LocationCase => ({
  situation,
  location: utf8AsLatin1(location),
  expectedRequest: { host: "registry.test", target: utf8AsLatin1(target) },
  goBehaviour
})

const elsewhere = (
  situation: string,
  location: string,
  host: string,
  target: string,
  goBehaviour = "the same"
): LocationCase => ({
  situation,
  location: utf8AsLatin1(location),
  expectedRequest: { host, target, ...(/^http:/i.test(location) ? { scheme: "http" } : {}) },
  goBehaviour
})

const refused = (situation: string, location: string, goBehaviour = "the same"): LocationCase => ({
  situation,
  location: utf8AsLatin1(location),
  expectedRequest: undefined,
  goBehaviour
})

export const locationCases: ReadonlyArray<LocationCase> = [
  here("an apostrophe in the query", "/raw?sig=a'b"),
  here("a file name in the format of RFC 8187", "/raw?d=attachment;filename*=UTF-8''x&s=1"),
  here("escapes in either case", "/raw?a=%7e%2f%41+b"),
  here("a signature of a cloud store", "/raw?X-Amz-Signature=%2B%2f&X-Amz-Expires=1"),
  here("characters that RFC 3986 does not allow in a query", '/raw?a=|b^[c]{d}"<e>`\\'),
  here("UTF-8 in a query", "/raw?ф=у"),
  here("a broken escape in a query", "/raw?a=%zz&b=%"),
  here("a question mark in a query", "/raw?a=1?b=2"),
  here("an empty query", "/raw?"),
  here("a blank in a query", "/raw?a=b c", "/raw?a=b%20c", "sends the blank, which ends the request line"),
  here("UTF-8 in a path", "/raw/фу", "/raw/%D1%84%D1%83"),
  here("a blank in a path", "/raw/b c", "/raw/b%20c"),
  here(
    "characters that RFC 3986 does not allow in a path",
    '/raw/a|b^{c}"<d>`',
    "/raw/a%7Cb%5E%7Bc%7D%22%3Cd%3E%60"
  ),
  here("brackets in a path", "/raw/[a]"),
  here("a semicolon in a path", "/raw;jsessionid=1"),
  here("a backslash in a path", "/raw\\a", "/raw%5Ca"),
  here("escapes in a path", "/raw/%7e%2F%41"),
  here(
    "escapes in a path beside UTF-8",
    "/raw/%7e%2F/ф",
    "/raw/%7e%2F/%D1%84",
    "undoes the escapes: /raw/~//%D1%84"
  ),
  here("a broken escape in a path", "/raw/%zz", "/raw/%zz", "refuses it"),
  here("tabs", "/raw\tx?y\tz", "/raw%09x?y%09z", "refuses it"),
  here("dots in a path", "/a/./b/../c/..", "/a/"),
  here("escaped dots in a path", "/%2e%2e/raw"),
  here("two slashes in a path", "/a//b"),
  here("three slashes", "///raw"),
  here("a fragment", "/raw?a=1#part?b", "/raw?a=1"),
  here("a fragment alone", "#part", "/v2/a/blobs/x?q=1"),
  here("nothing", "", "/v2/a/blobs/x?q=1"),
  here("a query alone", "?z=1", "/v2/a/blobs/x?z=1"),
  here("a relative path", "raw", "/v2/a/blobs/raw"),
  here("a relative path upwards", "../../raw?x", "/v2/raw?x"),
  here("a relative path beyond the root", "../../../../../raw", "/raw"),
  here("a relative path with a colon", "1a:b", "/v2/a/blobs/1a:b", "refuses it"),
  elsewhere("another host", "https://store.test/raw", "store.test", "/raw"),
  elsewhere("another host without a scheme", "//store.test/raw?a=%7e'", "store.test", "/raw?a=%7e'"),
  elsewhere("no path", "https://store.test", "store.test", "/"),
  elsewhere("no path, but a query", "https://store.test?x=1", "store.test", "/?x=1"),
  elsewhere("plain HTTP", "http://store.test/raw", "store.test", "/raw"),
  elsewhere("capitals", "HTTPS://Store.Test/Raw", "Store.Test", "/Raw"),
  elsewhere("the scheme's own port", "https://store.test:443/raw", "store.test:443", "/raw"),
  elsewhere("a port", "https://store.test:8443/raw", "store.test:8443", "/raw"),
  elsewhere("a colon without a port", "https://store.test:/raw", "store.test", "/raw", "sends the colon"),
  elsewhere("a user and a password", "https://user:p%40ss@store.test/raw", "store.test", "/raw"),
  elsewhere("a dot at the name's end", "https://store.test./raw", "store.test.", "/raw"),
  elsewhere("an underscore in the name", "https://st_ore.test/raw", "st_ore.test", "/raw"),
  elsewhere("a name in UTF-8", "https://стор.test/raw", "xn--n1aebe.test", "/raw"),
  elsewhere("a name in escaped UTF-8", "https://%D1%81.test/raw", "xn--q1a.test", "/raw"),
  elsewhere("an IPv6 address", "https://[2001:DB8::0001]:8443/raw", "[2001:DB8::0001]:8443", "/raw"),
  elsewhere("an IPv4 address with fewer than four numbers", "https://127.1/raw", "127.1", "/raw"),
  refused("an IPv6 address with a zone", "https://[fe80::1%25eth0]/raw", "omits the zone in the Host field"),
  refused("one slash after the scheme", "https:/raw"),
  refused("no slash after the scheme", "https:raw"),
  refused("another scheme", "ftp://store.test/raw"),
  refused("a scheme without a host", "javascript:alert(1)"),
  refused("a backslash before the path", "https://store.test\\raw"),
  refused("a backslash behind a name in UTF-8", "https://стор.test\\.store.test/raw"),
  refused("an escaped slash behind a name in UTF-8", "https://стор.test%2F.store.test/raw"),
  refused("an escaped question mark behind a name in UTF-8", "https://стор.test%3F.store.test/raw"),
  refused("a blank in the name", "https://store .test/raw"),
  refused("a port that is no number", "https://store.test:x/raw"),
  refused("a port beyond 65535", "https://store.test:99999/raw", "fails to connect"),
  refused("no host", "https:///raw")
]
