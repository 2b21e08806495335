import { account, base64, rightEntry, situation, type Situation } from "../world/Situation.ts"

/** The prefix of the names of the situations in this file. */
export const dockerConfigPrefix = "docker config: "

const auth = { _tag: "Basic", ...account } as const
const wrong = { auth: base64("somebody:else") }
const pair = `${account.username}:${account.password}`

const reading = (name: string, config: (host: string) => string): Situation =>
  situation(`${dockerConfigPrefix}${name}`, { options: { auth }, config })

/** A client whose docker config has `entries` in this order. */
const keys = (
  name: string,
  entries: (host: string) => ReadonlyArray<readonly [key: string, entry: unknown]>
): Situation => reading(name, (host) => JSON.stringify({ auths: Object.fromEntries(entries(host)) }))

const entry = (name: string, value: unknown): Situation => keys(name, (host) => [[host, value]])

/** A registry whose password is `secret`, and a client that knows the password. */
const password = (name: string, secret: string): Situation =>
  situation(`${dockerConfigPrefix}${name}`, {
    options: { auth: { ...auth, password: secret } },
    config: (host) => JSON.stringify({ auths: { [host]: { auth: base64(`${account.username}:${secret}`) } } })
  })

/** Situations with different docker configs. The repository is `group/modules`. */
export const dockerConfigs: ReadonlyArray<Situation> = [
  keys("https:// before the host", (host) => [[`https://${host}`, rightEntry]]),
  keys("http:// before the host", (host) => [[`http://${host}`, rightEntry]]),
  keys("/v1/ after the host", (host) => [[`https://${host}/v1/`, rightEntry]]),
  keys("/v2/ after the host", (host) => [[`https://${host}/v2/`, rightEntry]]),
  keys("/v2 after the host", (host) => [[`${host}/v2`, rightEntry]]),
  keys("a slash after the host", (host) => [[`${host}/`, rightEntry]]),
  keys("the whole name", (host) => [[`${host}/group/modules`, rightEntry]]),
  keys("the whole name, before the host's", (host) => [
    [host, wrong],
    [`${host}/group/modules`, rightEntry]
  ]),
  keys("a path above", (host) => [
    [host, wrong],
    [`${host}/group`, rightEntry]
  ]),
  keys("the longest path", (host) => [
    [`${host}/group`, wrong],
    [`${host}/group/modules`, rightEntry]
  ]),
  keys("another path before the host's", (host) => [
    [`${host}/other`, wrong],
    [host, rightEntry]
  ]),
  keys("another path alone", (host) => [[`${host}/other`, rightEntry]]),
  keys("the beginning of a name is no path", (host) => [
    [`${host}/gro`, wrong],
    [host, rightEntry]
  ]),
  keys("a glob in the host's name", (host) => [[host.replace("127.0.0.1", "*.0.0.1"), rightEntry]]),
  keys("no port", (host) => [[host.replace(/:\d+$/, ""), rightEntry]]),
  keys("another port", (host) => [[host.replace(/:\d+$/, ":1"), rightEntry]]),
  keys("another host", () => [["other.invalid", rightEntry]]),
  keys("another host's entry that is broken", (host) => [
    ["other.invalid", { auth: "%" }],
    [host, rightEntry]
  ]),
  keys("another host's entry that is no object", (host) => [
    ["other.invalid", 7],
    [host, rightEntry]
  ]),
  entry("username and password", account),
  entry("username and password beside auth", { ...account, auth: base64("somebody:else") }),
  entry("auth without padding", { auth: base64(pair).replace(/=+$/, "") }),
  entry("auth with line breaks", { auth: base64(pair).replace(/.{10}/g, "$&\n") }),
  entry("auth with a line break at its end", { auth: `${base64(pair)}\n` }),
  entry("auth that ends in a line break inside", { auth: base64(`${pair}\n`) }),
  entry("auth that is not base64", { auth: pair }),
  entry("auth without a colon", { auth: base64("reader") }),
  entry("an empty entry", {}),
  entry("email and other fields", { ...rightEntry, email: "a@example.test", other: 1 }),
  password("a colon in the password", "a:b:c"),
  password("a password that is not ASCII", "пароль"),
  password("a long password", "x".repeat(4000)),
  password("quotes, blanks, percent in the password", `"a b%20c\\`),
  reading("no auths", () => "{}"),
  reading("auths are null", () => `{"auths":null}`),
  reading("no JSON", () => "reader"),
  reading("a byte order mark", (host) => `\u{feff}${JSON.stringify({ auths: { [host]: rightEntry } })}`),
  reading("without `auths`, as .dockercfg had it", (host) => JSON.stringify({ [host]: rightEntry })),
  reading("other settings of docker's", (host) =>
    JSON.stringify({
      auths: { [host]: rightEntry },
      HttpHeaders: { "User-Agent": "x" },
      detachKeys: "ctrl-e"
    })
  ),
  reading("a credential helper for other hosts", (host) =>
    JSON.stringify({ auths: { [host]: rightEntry }, credHelpers: { "other.invalid": "nothing" } })
  ),
  reading("a credential store that is not on this machine", (host) =>
    JSON.stringify({ auths: { [host]: rightEntry }, credsStore: "desktop" })
  )
]
