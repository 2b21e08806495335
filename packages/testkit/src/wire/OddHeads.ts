import { utf8AsLatin1 } from "./Latin1.ts"
import {
  contentLength5,
  responseBytes,
  type OddResponse,
  statusLineOk,
  response,
  failure
} from "./OddResponse.ts"

const many = (count: number, value: string): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `X-${index}: ${value}`)

/** Responses with an unusual status line or unusual header fields. */
export const oddHeads: ReadonlyArray<OddResponse> = [
  {
    situation: "lines that end in LF alone",
    bytes: `${statusLineOk}\n${contentLength5}\nX-Field: b\n\nhello`,
    expected: response(200, "hello", "b"),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "lines that end in CR LF, and some in LF",
    bytes: `${statusLineOk}\r\n${contentLength5}\nX-Field: b\r\n\nhello`,
    expected: response(200, "hello", "b"),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "a field that goes on in the next lines (obs-fold)",
    bytes: responseBytes([statusLineOk, contentLength5, "X-Field: one ", "  two\t", "\tthree"]),
    expected: response(200, "hello", "one two three"),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "UTF-8 in a field",
    bytes: responseBytes([statusLineOk, contentLength5, utf8AsLatin1("X-Field: фу")]),
    expected: response(200, "hello", utf8AsLatin1("фу")),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "Latin-1 in a field",
    bytes: responseBytes([statusLineOk, contentLength5, "X-Field: \xe9t\xe9"]),
    expected: response(200, "hello", "\xe9t\xe9"),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  ...["\0", "\x01", "\x7f", "a\rb"].map((character) => ({
    situation: `a control character in a field (${JSON.stringify(character)})`,
    bytes: responseBytes([statusLineOk, contentLength5, `X-Field: ${character}`]),
    expected: failure(),
    goBehaviour: "the same",
    nodeBehaviour: "the same; its relaxed mode hangs at a NUL"
  })),
  {
    situation: "a blank before a colon",
    bytes: responseBytes([statusLineOk, contentLength5, "X-Field : b"]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same: the field is passed over",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "a field without a name",
    bytes: responseBytes([statusLineOk, contentLength5, ": b"]),
    expected: failure(),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "a line without a colon",
    bytes: responseBytes([statusLineOk, contentLength5, "garbage"]),
    expected: failure(),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "no reason phrase, and no blank before it",
    bytes: responseBytes(["HTTP/1.1 200", contentLength5]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "a reason phrase in UTF-8",
    bytes: responseBytes([utf8AsLatin1("HTTP/1.1 200 Ладно"), contentLength5]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "two blanks before the status",
    bytes: responseBytes(["HTTP/1.1  200 OK", contentLength5]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "a status of two digits",
    bytes: responseBytes(["HTTP/1.1 99 OK", contentLength5]),
    expected: failure(),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "a status beyond 599",
    bytes: responseBytes(["HTTP/1.1 600 OK", contentLength5]),
    expected: response(600),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "HTTP/1.2",
    bytes: responseBytes(["HTTP/1.2 200 OK", contentLength5]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "HTTP/1.0",
    bytes: responseBytes(["HTTP/1.0 200 OK", contentLength5]),
    expected: response(200),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "HTTP/1.0 that lives on",
    bytes: responseBytes(["HTTP/1.0 200 OK", contentLength5, "Connection: Keep-Alive"]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "an empty line before the head",
    bytes: `\r\n${responseBytes([statusLineOk, contentLength5])}`,
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "refuses it",
    nodeBehaviour: "the same"
  },
  {
    situation: "100 and 103 before the response",
    bytes: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${responseBytes([statusLineOk, contentLength5])}`,
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "101 that nobody asked for",
    bytes: "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw",
    expected: response(101, ""),
    goBehaviour: "the same",
    nodeBehaviour: "an event of its own"
  },
  {
    situation: "1,500 fields",
    bytes: responseBytes([statusLineOk, ...many(1500, "v"), "X-Field: last", contentLength5]),
    expected: response(200, "hello", "last"),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "drops those beyond 1,000"
  },
  {
    situation: "a head of 250 KB",
    bytes: responseBytes([statusLineOk, ...many(250, "v".repeat(990)), "X-Field: last", contentLength5]),
    expected: response(200, "hello", "last"),
    reusesConnection: true,
    goBehaviour: "the same (10 MB)",
    nodeBehaviour: "refuses it (16 KiB)"
  },
  {
    situation: "one field of 250 KB",
    bytes: responseBytes([statusLineOk, `X-Field: ${"v".repeat(250_000)}`, contentLength5]),
    expected: response(200, "hello", "v".repeat(250_000)),
    reusesConnection: true,
    goBehaviour: "the same (10 MB)",
    nodeBehaviour: "refuses it (16 KiB)"
  },
  {
    situation: "a head beyond 256 KiB",
    bytes: responseBytes([statusLineOk, ...many(300, "v".repeat(1000)), contentLength5]),
    expected: failure("longer than 256 KiB"),
    goBehaviour: "reads it (10 MB)",
    nodeBehaviour: "refuses it (16 KiB)"
  },
  {
    situation: "a head that does not end",
    bytes: `${statusLineOk}\r\nX-Field: ${"v".repeat(400_000)}`,
    expected: failure("longer than 256 KiB"),
    goBehaviour: "the same after 10 MB",
    nodeBehaviour: "the same after 16 KiB"
  },
  {
    situation: "a field of 250,000 blanks between two letters",
    bytes: responseBytes([statusLineOk, `X-Field: a${" ".repeat(250_000)}b`, contentLength5]),
    expected: response(200, "hello", `a${" ".repeat(250_000)}b`),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "refuses it (16 KiB)"
  },
  {
    situation: "a field folded over 60,000 lines",
    bytes: responseBytes([statusLineOk, `X-Field: a${"\n b".repeat(60_000)}`, contentLength5]),
    expected: response(200, "hello", `a${" b".repeat(60_000)}`),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "a field of the name __proto__",
    bytes: responseBytes([statusLineOk, contentLength5, "__proto__: x"]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "text that is no HTTP",
    bytes: "220 mail.example.test ESMTP\r\n",
    expected: failure(),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "a banner without a line's end",
    bytes: "SSH-2.0",
    expected: failure(),
    goBehaviour: "waits",
    nodeBehaviour: "the same"
  },
  {
    situation: "a TLS alert",
    bytes: "\x15\x03\x01\x00\x02\x02\x46",
    closesConnection: true,
    expected: failure("this port speaks TLS"),
    goBehaviour: "refuses it as malformed",
    nodeBehaviour: "refuses it as malformed"
  },
  {
    situation: "nothing",
    bytes: "",
    closesConnection: true,
    expected: failure("closed"),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  }
]
