import {
  defaultCredentials,
  encodeBase64,
  validAuthEntry,
  scenario,
  type Scenario
} from "../harness/Scenario.ts"

/** Prefix of the names of all scenarios in `dockerConfigs`. */
export const dockerConfigPrefix = "docker config: "

const auth = { _tag: "Basic", ...defaultCredentials } as const
const wrong = { auth: encodeBase64("somebody:else") }
const pair = `${defaultCredentials.username}:${defaultCredentials.password}`

const reading = (name: string, dockerConfig: (host: string) => string): Scenario =>
  scenario(`${dockerConfigPrefix}${name}`, { registryOptions: { auth }, dockerConfig })

/** Returns a scenario in which the client's docker config has exactly these entries, in this order. */
const keys = (
  name: string,
  entries: (host: string) => ReadonlyArray<readonly [key: string, entry: unknown]>
): Scenario => reading(name, (host) => JSON.stringify({ auths: Object.fromEntries(entries(host)) }))

const entry = (name: string, value: unknown): Scenario => keys(name, (host) => [[host, value]])

/**
 * Returns a scenario in which the registry requires the password `secret`, and the client's docker config contains it.
 */
const password = (name: string, secret: string): Scenario =>
  scenario(`${dockerConfigPrefix}${name}`, {
    registryOptions: { auth: { ...auth, password: secret } },
    dockerConfig: (host) =>
      JSON.stringify({
        auths: { [host]: { auth: encodeBase64(`${defaultCredentials.username}:${secret}`) } }
      })
  })

/** Scenarios in which the client has different docker configs. The repository is `group/modules`. */
export const dockerConfigs: ReadonlyArray<Scenario> = [
  keys("https:// before the host", (host) => [[`https://${host}`, validAuthEntry]]),
  keys("http:// before the host", (host) => [[`http://${host}`, validAuthEntry]]),
  keys("/v1/ after the host", (host) => [[`https://${host}/v1/`, validAuthEntry]]),
  keys("/v2/ after the host", (host) => [[`https://${host}/v2/`, validAuthEntry]]),
  keys("/v2 after the host", (host) => [[`${host}/v2`, validAuthEntry]]),
  keys("a slash after the host", (host) => [[`${host}/`, validAuthEntry]]),
  keys("the whole name", (host) => [[`${host}/group/modules`, validAuthEntry]]),
  keys("the whole name, before the host's", (host) => [
    [host, wrong],
    [`${host}/group/modules`, validAuthEntry]
  ]),
  keys("a path above", (host) => [
    [host, wrong],
    [`${host}/group`, validAuthEntry]
  ]),
  keys("the longest path", (host) => [
    [`${host}/group`, wrong],
    [`${host}/group/modules`, validAuthEntry]
  ]),
  keys("another path before the host's", (host) => [
    [`${host}/other`, wrong],
    [host, validAuthEntry]
  ]),
  keys("another path alone", (host) => [[`${host}/other`, validAuthEntry]]),
  keys("the beginning of a name is no path", (host) => [
    [`${host}/gro`, wrong],
    [host, validAuthEntry]
  ]),
  keys("a glob in the host's name", (host) => [[host.replace("127.0.0.1", "*.0.0.1"), validAuthEntry]]),
  keys("no port", (host) => [[host.replace(/:\d+$/, ""), validAuthEntry]]),
  keys("another port", (host) => [[host.replace(/:\d+$/, ":1"), validAuthEntry]]),
  keys("another host", () => [["other.invalid", validAuthEntry]]),
  keys("another host's entry that is broken", (host) => [
    ["other.invalid", { auth: "%" }],
    [host, validAuthEntry]
  ]),
  keys("another host's entry that is no object", (host) => [
    ["other.invalid", 7],
    [host, validAuthEntry]
  ]),
  entry("username and password", defaultCredentials),
  entry("username and password beside auth", { ...defaultCredentials, auth: encodeBase64("somebody:else") }),
  entry("auth without padding", { auth: encodeBase64(pair).replace(/=+$/, "") }),
  entry("auth with line breaks", { auth: encodeBase64(pair).replace(/.{10}/g, "$&\n") }),
  entry("auth with a line break at its end", { auth: `${encodeBase64(pair)}\n` }),
  entry("auth that ends in a line break inside", { auth: encodeBase64(`${pair}\n`) }),
  entry("auth that is not base64", { auth: pair }),
  entry("auth without a colon", { auth: encodeBase64("reader") }),
  entry("an empty entry", {}),
  entry("email and other fields", { ...validAuthEntry, email: "a@example.test", other: 1 }),
  password("a colon in the password", "a:b:c"),
  password("a password that is not ASCII", "пароль"),
  password("a long password", "x".repeat(4000)),
  password("quotes, blanks, percent in the password", `"a b%20c\\`),
  reading("no auths", () => "{}"),
  reading("auths are null", () => `{"auths":null}`),
  reading("no JSON", () => "reader"),
  reading("a byte order mark", (host) => `\u{feff}${JSON.stringify({ auths: { [host]: validAuthEntry } })}`),
  reading("without `auths`, as .dockercfg had it", (host) => JSON.stringify({ [host]: validAuthEntry })),
  reading("other settings of docker's", (host) =>
    JSON.stringify({
      auths: { [host]: validAuthEntry },
      HttpHeaders: { "User-Agent": "x" },
      detachKeys: "ctrl-e"
    })
  ),
  reading("a credential helper for other hosts", (host) =>
    JSON.stringify({ auths: { [host]: validAuthEntry }, credHelpers: { "other.invalid": "nothing" } })
  ),
  reading("a credential store that is not on this machine", (host) =>
    JSON.stringify({ auths: { [host]: validAuthEntry }, credsStore: "desktop" })
  )
]
