import { length, lines, type OddResponse, ok, read, refused } from "./OddResponse.ts"

const utf8 = (text: string): string => Buffer.from(text, "utf8").toString("latin1")
const many = (count: number, value: string): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `X-${index}: ${value}`)

/** Responses with an unusual status line or unusual header fields. */
export const oddHeads: ReadonlyArray<OddResponse> = [
  {
    situation: "lines that end in LF alone",
    bytes: `${ok}\n${length}\nX-Field: b\n\nhello`,
    right: read(200, "hello", "b"),
    isKept: true,
    go: "the same",
    node: "refuses it"
  },
  {
    situation: "lines that end in CR LF, and some in LF",
    bytes: `${ok}\r\n${length}\nX-Field: b\r\n\nhello`,
    right: read(200, "hello", "b"),
    isKept: true,
    go: "the same",
    node: "refuses it"
  },
  {
    situation: "a field that goes on in the next lines (obs-fold)",
    bytes: lines([ok, length, "X-Field: one ", "  two\t", "\tthree"]),
    right: read(200, "hello", "one two three"),
    isKept: true,
    go: "the same",
    node: "refuses it"
  },
  {
    situation: "UTF-8 in a field",
    bytes: lines([ok, length, utf8("X-Field: фу")]),
    right: read(200, "hello", utf8("фу")),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "Latin-1 in a field",
    bytes: lines([ok, length, "X-Field: \xe9t\xe9"]),
    right: read(200, "hello", "\xe9t\xe9"),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  ...["\0", "\x01", "\x7f", "a\rb"].map((character) => ({
    situation: `a control character in a field (${JSON.stringify(character)})`,
    bytes: lines([ok, length, `X-Field: ${character}`]),
    right: refused(),
    go: "the same",
    node: "the same; its relaxed mode hangs at a NUL"
  })),
  {
    situation: "a blank before a colon",
    bytes: lines([ok, length, "X-Field : b"]),
    right: read(200),
    isKept: true,
    go: "the same: the field is passed over",
    node: "refuses it"
  },
  {
    situation: "a field without a name",
    bytes: lines([ok, length, ": b"]),
    right: refused(),
    go: "the same",
    node: "the same"
  },
  {
    situation: "a line without a colon",
    bytes: lines([ok, length, "garbage"]),
    right: refused(),
    go: "the same",
    node: "the same"
  },
  {
    situation: "no reason phrase, and no blank before it",
    bytes: lines(["HTTP/1.1 200", length]),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "a reason phrase in UTF-8",
    bytes: lines([utf8("HTTP/1.1 200 Ладно"), length]),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "two blanks before the status",
    bytes: lines(["HTTP/1.1  200 OK", length]),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "refuses it"
  },
  {
    situation: "a status of two digits",
    bytes: lines(["HTTP/1.1 99 OK", length]),
    right: refused(),
    go: "the same",
    node: "the same"
  },
  {
    situation: "a status beyond 599",
    bytes: lines(["HTTP/1.1 600 OK", length]),
    right: read(600),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "HTTP/1.2",
    bytes: lines(["HTTP/1.2 200 OK", length]),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "refuses it"
  },
  {
    situation: "HTTP/1.0",
    bytes: lines(["HTTP/1.0 200 OK", length]),
    right: read(200),
    go: "the same",
    node: "the same"
  },
  {
    situation: "HTTP/1.0 that lives on",
    bytes: lines(["HTTP/1.0 200 OK", length, "Connection: Keep-Alive"]),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "an empty line before the head",
    bytes: `\r\n${lines([ok, length])}`,
    right: read(200),
    isKept: true,
    go: "refuses it",
    node: "the same"
  },
  {
    situation: "100 and 103 before the answer",
    bytes: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${lines([ok, length])}`,
    right: read(200),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "101 that nobody asked for",
    bytes: "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw",
    right: read(101, ""),
    go: "the same",
    node: "an event of its own"
  },
  {
    situation: "1,500 fields",
    bytes: lines([ok, ...many(1500, "v"), "X-Field: last", length]),
    right: read(200, "hello", "last"),
    isKept: true,
    go: "the same",
    node: "drops those beyond 1,000"
  },
  {
    situation: "a head of 250 KB",
    bytes: lines([ok, ...many(250, "v".repeat(990)), "X-Field: last", length]),
    right: read(200, "hello", "last"),
    isKept: true,
    go: "the same (10 MB)",
    node: "refuses it (16 KiB)"
  },
  {
    situation: "one field of 250 KB",
    bytes: lines([ok, `X-Field: ${"v".repeat(250_000)}`, length]),
    right: read(200, "hello", "v".repeat(250_000)),
    isKept: true,
    go: "the same (10 MB)",
    node: "refuses it (16 KiB)"
  },
  {
    situation: "a head beyond 256 KiB",
    bytes: lines([ok, ...many(300, "v".repeat(1000)), length]),
    right: refused("longer than 256 KiB"),
    go: "reads it (10 MB)",
    node: "refuses it (16 KiB)"
  },
  {
    situation: "a head that does not end",
    bytes: `${ok}\r\nX-Field: ${"v".repeat(400_000)}`,
    right: refused("longer than 256 KiB"),
    go: "the same after 10 MB",
    node: "the same after 16 KiB"
  },
  {
    situation: "a field of 250,000 blanks between two letters",
    bytes: lines([ok, `X-Field: a${" ".repeat(250_000)}b`, length]),
    right: read(200, "hello", `a${" ".repeat(250_000)}b`),
    isKept: true,
    go: "the same",
    node: "refuses it (16 KiB)"
  },
  {
    situation: "a field folded over 60,000 lines",
    bytes: lines([ok, `X-Field: a${"\n b".repeat(60_000)}`, length]),
    right: read(200, "hello", `a${" b".repeat(60_000)}`),
    isKept: true,
    go: "the same",
    node: "refuses it"
  },
  {
    situation: "a field of the name __proto__",
    bytes: lines([ok, length, "__proto__: x"]),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "text that is no HTTP",
    bytes: "220 mail.example.test ESMTP\r\n",
    right: refused(),
    go: "the same",
    node: "the same"
  },
  {
    situation: "a banner without a line's end",
    bytes: "SSH-2.0",
    right: refused(),
    go: "waits",
    node: "the same"
  },
  {
    situation: "a TLS alert",
    bytes: "\x15\x03\x01\x00\x02\x02\x46",
    isEnded: true,
    right: refused("this port speaks TLS"),
    go: "refuses it as malformed",
    node: "refuses it as malformed"
  },
  {
    situation: "nothing",
    bytes: "",
    isEnded: true,
    right: refused("closed"),
    go: "the same",
    node: "the same"
  }
]
