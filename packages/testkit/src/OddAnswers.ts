/**
 * Answers that servers, and the proxies before them, really send, beside what RFC 9112 has: how each is to be read, and
 * who else reads it so. What Go does was tried with net/http of Go 1.26; Node is node:http of 26.10, strict as it is by
 * default. Text has a character for each byte.
 */
export interface OddAnswer {
  readonly situation: string
  readonly bytes: string
  /** The server closes the connection after it. */
  readonly isEnded?: boolean
  readonly right: Right
  /** The connection serves another request afterwards. */
  readonly isKept?: boolean
  readonly go: "the same" | string
  readonly node: "the same" | string
}

export type Right =
  | { readonly _tag: "Answer"; readonly status: number; readonly body: string; readonly field?: string }
  /** The answer's head is read; its body fails after these bytes. */
  | { readonly _tag: "BrokenBody"; readonly status: number; readonly body: string }
  | { readonly _tag: "Failure"; readonly words: string }

const read = (status: number, body = "hello", field?: string): Right => ({
  _tag: "Answer",
  status,
  body,
  ...(field === undefined ? {} : { field })
})
const broken = (body: string, status = 200): Right => ({ _tag: "BrokenBody", status, body })
const refused = (words = "not valid HTTP"): Right => ({ _tag: "Failure", words })

const lines = (head: ReadonlyArray<string>, body = "hello"): string => `${head.join("\r\n")}\r\n\r\n${body}`
const ok = "HTTP/1.1 200 OK"
const length = "Content-Length: 5"
const chunked = "Transfer-Encoding: chunked"
const utf8 = (text: string): string => Buffer.from(text, "utf8").toString("latin1")
const many = (count: number, value: string): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `X-${index}: ${value}`)

/** `X-Field` is the field that `right.field` is about. */
export const oddAnswers: ReadonlyArray<OddAnswer> = [
  ...heads(),
  ...lengths(),
  ...chunks(),
  ...endings()
]

function heads(): ReadonlyArray<OddAnswer> {
  return [
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
      bytes: lines([ok, length, "X-Field: one", "  two", "\tthree"]),
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
      right: refused("speaks TLS on this port"),
      go: "refuses it as malformed",
      node: "refuses it as malformed"
    },
    { situation: "nothing", bytes: "", isEnded: true, right: refused("closed"), go: "the same", node: "the same" }
  ]
}

function lengths(): ReadonlyArray<OddAnswer> {
  const invalid = (value: string): OddAnswer => ({
    situation: `a Content-Length of ${JSON.stringify(value)}`,
    bytes: lines([ok, `Content-Length: ${value}`]),
    right: refused("no length"),
    go: "the same",
    node: "the same"
  })
  return [
    {
      situation: "the same Content-Length twice",
      bytes: lines([ok, length, length]),
      right: read(200),
      isKept: true,
      go: "the same",
      node: "refuses it"
    },
    {
      situation: "the same Content-Length twice in one field",
      bytes: lines([ok, "Content-Length: 5, 5"]),
      right: read(200),
      isKept: true,
      go: "refuses it",
      node: "refuses it"
    },
    {
      situation: "two Content-Lengths",
      bytes: lines([ok, length, "Content-Length: 6"]),
      right: refused("no length"),
      go: "the same",
      node: "the same"
    },
    ...["5, 6", "+5", "-5", "0x5", "five", "", "99999999999999999999"].map(invalid),
    {
      situation: "blanks around a Content-Length",
      bytes: lines([ok, "Content-Length:\t 5 \t"]),
      right: read(200),
      isKept: true,
      go: "the same",
      node: "the same"
    },
    {
      situation: "fewer bytes than the Content-Length",
      bytes: lines([ok, "Content-Length: 9"]),
      isEnded: true,
      right: broken("hello"),
      go: "the same",
      node: "the same"
    },
    {
      situation: "more bytes than the Content-Length",
      bytes: lines([ok, length], "helloEXTRA"),
      right: read(200),
      go: "the same",
      node: "breaks the answer"
    },
    {
      situation: "more bytes than the Content-Length, and Connection: close",
      bytes: lines([ok, length, "Connection: close"], "helloEXTRA"),
      isEnded: true,
      right: read(200),
      go: "the same",
      node: "breaks the answer"
    },
    {
      situation: "204 with a Content-Length",
      bytes: lines(["HTTP/1.1 204 No Content", length], ""),
      right: read(204, ""),
      isKept: true,
      go: "the same",
      node: "the same"
    },
    {
      situation: "204 with a body",
      bytes: lines(["HTTP/1.1 204 No Content", length]),
      right: read(204, ""),
      go: "the same",
      node: "breaks the answer"
    },
    {
      situation: "304 with the Content-Length of what is not sent",
      bytes: lines(["HTTP/1.1 304 Not Modified", length], ""),
      right: read(304, ""),
      isKept: true,
      go: "the same",
      node: "the same"
    }
  ]
}

function chunks(): ReadonlyArray<OddAnswer> {
  const refusedChunks = (situation: string, body: string, got = ""): OddAnswer => ({
    situation,
    bytes: lines([ok, chunked], body),
    right: broken(got),
    go: "the same",
    node: "the same"
  })
  const whole = "5\r\nhello\r\n0\r\n\r\n"
  return [
    {
      situation: "chunks",
      bytes: lines([ok, "Transfer-Encoding: Chunked"], "a\r\nhellohello\r\nA;x=\"a b\"\r\nhellohello\r\n0;y\r\n\r\n"),
      right: read(200, "hello".repeat(4)),
      isKept: true,
      go: "the same",
      node: "the same"
    },
    {
      situation: "blanks behind a chunk's size",
      bytes: lines([ok, chunked], "5  \r\nhello\r\n0\r\n\r\n"),
      right: read(200),
      isKept: true,
      go: "the same",
      node: "refuses it"
    },
    {
      situation: "blanks before a chunk's extension",
      bytes: lines([ok, chunked], "5 ; a=b c;;\r\nhello\r\n0\r\n\r\n"),
      right: read(200),
      isKept: true,
      go: "refuses it",
      node: "refuses it"
    },
    {
      situation: "zeros before a chunk's size",
      bytes: lines([ok, chunked], "00005\r\nhello\r\n0000\r\n\r\n"),
      right: read(200),
      isKept: true,
      go: "the same",
      node: "the same"
    },
    {
      situation: "trailers",
      bytes: lines([ok, chunked], "5\r\nhello\r\n0\r\nX-Trailer: a\r\nX-Other: b\r\n\r\n"),
      right: read(200),
      isKept: true,
      go: "the same",
      node: "the same"
    },
    refusedChunks("chunks whose lines end in LF alone", "5\nhello\n0\n\n"),
    refusedChunks("a chunk longer than it says", "5\r\nhello!\r\n0\r\n\r\n", "hello"),
    refusedChunks("a chunk's size of 0x5", "0x5\r\nhello\r\n0\r\n\r\n"),
    refusedChunks("a chunk without a size", "\r\nhello\r\n0\r\n\r\n"),
    refusedChunks("a chunk's size beyond all bounds", "FFFFFFFFFFFFFFFFFF\r\nhello"),
    {
      situation: "chunks that end without the last one",
      bytes: lines([ok, chunked], "5\r\nhello\r\n"),
      isEnded: true,
      right: broken("hello"),
      go: "the same",
      node: "the same"
    },
    {
      situation: "chunks, and a Content-Length",
      bytes: lines([ok, "Content-Length: 3", chunked], whole),
      right: read(200),
      go: "the same, and keeps the connection",
      node: "refuses it"
    },
    {
      situation: "chunks in HTTP/1.0",
      bytes: lines(["HTTP/1.0 200 OK", chunked], whole),
      isEnded: true,
      right: read(200),
      go: "gives the chunks as they are",
      node: "the same"
    },
    {
      situation: "Transfer-Encoding: identity",
      bytes: lines([ok, "Transfer-Encoding: identity", length]),
      right: read(200),
      isKept: true,
      go: "refuses it",
      node: "refuses it"
    },
    ...["gzip, chunked", "chunked, identity", "chunked, chunked"].map((coding) => ({
      situation: `Transfer-Encoding: ${coding}`,
      bytes: lines([ok, `Transfer-Encoding: ${coding}`], whole),
      right: refused("Transfer-Encoding"),
      go: "the same",
      node: "gives what it takes for the body"
    }))
  ]
}

function endings(): ReadonlyArray<OddAnswer> {
  return [
    {
      situation: "neither length nor chunks: the end of the connection",
      bytes: lines([ok]),
      isEnded: true,
      right: read(200),
      go: "the same",
      node: "the same"
    },
    {
      situation: "Connection: close among others",
      bytes: lines([ok, length, "Connection: foo, CLOSE"]),
      isEnded: true,
      right: read(200),
      go: "the same",
      node: "the same"
    },
    {
      situation: "Proxy-Connection: close",
      bytes: lines([ok, length, "Proxy-Connection: close"]),
      right: read(200),
      isKept: true,
      go: "the same",
      node: "closes the connection"
    },
    {
      situation: "Location twice",
      bytes: lines([ok, length, "X-Field: a", "X-Field: b"]),
      right: read(200, "hello", "a, b"),
      isKept: true,
      go: "the first one; all of a list",
      node: "the same"
    }
  ]
}
