import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Redacted, References, Schema, Tracer } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as AccessLog from "../../src/logging/AccessLog.ts"
import { ProcessEnvironment } from "../../src/config/ProcessEnvironment.ts"
import * as Logging from "../../src/logging/Logging.ts"
import type { LogFormat, LogLevel } from "../../src/config/LogSettings.ts"
import * as LogSink from "../../src/logging/LogSink.ts"
import * as FakeProcessEnvironment from "../config/FakeProcessEnvironment.ts"

const Line = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
const decodeLine = Schema.decodeUnknownSync(Line)

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const loggedTo = (
  fake: ReturnType<typeof FakeProcessEnvironment.make>,
  program: Effect.Effect<void>,
  settings: { readonly format?: LogFormat; readonly level?: LogLevel } = {}
): Effect.Effect<void> =>
  program.pipe(
    Effect.provide(
      Logging.layer({
        logFormat: Option.fromUndefinedOr(settings.format),
        logLevel: settings.level ?? "Info"
      }).pipe(Layer.provide(Layer.succeed(ProcessEnvironment, fake.environment)))
    ),
    // These tests count turns of the event loop, so Effect's scheduler must not add turns.
    Effect.provideService(References.PreventSchedulerYield, true)
  )

const logged = (program: Effect.Effect<void>, level: LogLevel = "Info") =>
  Effect.gen(function* () {
    const fake = FakeProcessEnvironment.make()
    yield* loggedTo(fake, program, { level })
    return fake.lines().map((line) => decodeLine(line))
  })

class Refused extends Schema.TaggedError<Refused>()("Refused", {
  host: Schema.String,
  password: Schema.Redacted(Schema.String)
}) {
  override get message(): string {
    return `${this.host} refused the login`
  }
}
class Failed extends Schema.TaggedError<Failed>()("Failed", { reason: Refused }) {}

describe("Logging", () => {
  it.effect("writes one JSON object per line, of at least the level, in order", () =>
    Effect.gen(function* () {
      const lines = yield* logged(
        Effect.gen(function* () {
          yield* Effect.logDebug("not this")
          yield* Effect.logInfo("sources", { count: 2 }, "loaded")
          yield* Effect.logWarning("slow").pipe(Effect.annotateLogs({ module: "cache", time: "mine" }))
        })
      )
      assert.deepStrictEqual(lines, [
        { time: "1970-01-01T00:00:00.000Z", level: "info", message: "sources loaded", count: 2 },
        { time: "1970-01-01T00:00:00.000Z", level: "warn", message: "slow", module: "cache", _time: "mine" }
      ])
    })
  )

  it.effect("writes the time as RFC 3339, in every second", () =>
    Effect.gen(function* () {
      const times = [0, 7, 999, 1000, 1_700_000_000_123]
      const lines = yield* logged(
        Effect.forEach(times, (time) => Effect.andThen(TestClock.setTime(time), Effect.logInfo("now")), {
          discard: true
        })
      )
      assert.deepStrictEqual(
        lines.map(({ time }) => time),
        times.map((time) => new Date(time).toISOString())
      )
    })
  )

  it.effect("writes a request's line with the ids of its span", () =>
    Effect.gen(function* () {
      const span = Tracer.externalSpan({
        traceId: "0af7651916cd43dd8448eb211c80319c",
        spanId: "b7ad6b7169203331"
      })
      const entry: AccessLog.AccessEntry = {
        method: "GET",
        route: "package",
        status: 200,
        bytes: 20480,
        seconds: 0.012,
        cache: "hit",
        upstream: undefined,
        requestId: "r1",
        aborted: false
      }
      const request = Effect.map(AccessLog.make, (write) => write(entry, span))
      assert.deepStrictEqual(yield* logged(request, "Warn"), [])
      const lines = yield* logged(request)
      assert.deepStrictEqual(lines, [
        {
          time: "1970-01-01T00:00:00.000Z",
          level: "info",
          message: "request",
          method: "GET",
          route: "package",
          status: 200,
          bytes: 20480,
          seconds: 0.012,
          cache: "hit",
          requestId: "r1",
          aborted: false,
          trace_id: "0af7651916cd43dd8448eb211c80319c",
          span_id: "b7ad6b7169203331"
        }
      ])
    })
  )

  it.effect("leaves out the fields without a value, in both formats", () =>
    Effect.gen(function* () {
      const entry = {
        method: "GET",
        route: "package",
        status: 200,
        bytes: 5,
        seconds: 1,
        cache: undefined,
        user: undefined,
        requestId: "r1",
        error: undefined
      }
      const program = Effect.gen(function* () {
        const write = yield* AccessLog.make
        write(entry, undefined)
        yield* Effect.logInfo("about", { name: undefined, object: { kind: "Secret", name: undefined } })
      })
      const linesIn = Effect.fnUntraced(function* (format: LogFormat) {
        const fake = FakeProcessEnvironment.make()
        yield* loggedTo(fake, program, { format })
        return fake.lines()
      })
      assert.deepStrictEqual(yield* linesIn("pretty"), [
        "00:00:00.000 INFO  request method=GET route=package status=200 bytes=5 seconds=1 requestId=r1",
        '00:00:00.000 INFO  about object={"kind":"Secret"}'
      ])
      const start = '{"time":"1970-01-01T00:00:00.000Z","level":"info","message":'
      assert.deepStrictEqual(yield* linesIn("json"), [
        `${start}"request","method":"GET","route":"package","status":200,"bytes":5,"seconds":1,"requestId":"r1"}`,
        `${start}"about","object":{"kind":"Secret"}}`
      ])
    })
  )

  it.effect("writes a repeated failure once a minute with a count, and every other request", () =>
    Effect.gen(function* () {
      const entry = { method: "GET", route: "package", bytes: 0, seconds: 0, requestId: "r" }
      const lines = yield* logged(
        Effect.gen(function* () {
          const write = yield* AccessLog.make
          for (let times = 0; times < 3; times++) {
            write({ ...entry, status: 502, error: "ConnectionFailed", upstream: "one" }, undefined)
            write({ ...entry, status: 502, error: "ConnectionFailed", upstream: "two" }, undefined)
            write({ ...entry, status: 404, error: "ManifestNotFound", upstream: "one" }, undefined)
            write({ ...entry, status: 200, aborted: true, error: "ClientGone" }, undefined)
          }
          yield* TestClock.adjust("1 minute")
        })
      )
      const short = lines.map(({ level, repeated, status, upstream }) => [level, status, upstream, repeated])
      assert.deepStrictEqual(
        short.filter(([level]) => level === "warn"),
        [
          ["warn", 502, "one", undefined],
          ["warn", 502, "two", undefined],
          ["warn", 502, "one", 2],
          ["warn", 502, "two", 2]
        ]
      )
      assert.strictEqual(short.filter(([level]) => level === "info").length, 6)
    })
  )

  it.effect("writes at most 20 lines a minute of a message about one object, and all about others", () =>
    Effect.gen(function* () {
      const lines = yield* logged(
        Effect.forEach(
          Array.from({ length: 100 }, (_, index) => index),
          (index) =>
            Effect.logWarning("invalid object", { object: index % 2 === 0 ? "one" : `other ${index}` }),
          { discard: true }
        )
      )
      const about = lines.map(({ object, repeated }) => [object === "one", repeated])
      assert.deepStrictEqual(about.filter(([isOne]) => isOne === true).at(-1), [true, 30])
      assert.deepStrictEqual([about.filter(([isOne]) => isOne === true).length, about.length], [21, 71])
    })
  )

  it.effect("never writes a secret in fields, errors or nested values", () =>
    Effect.gen(function* () {
      const fake = FakeProcessEnvironment.make()
      const secret = Redacted.make("hunter2")
      const circular: Record<string, unknown> = { secret }
      circular["self"] = circular
      yield* loggedTo(
        fake,
        Effect.gen(function* () {
          yield* Effect.logInfo("a", { secret, deep: { list: [secret, new Map([["k", secret]])] } }, secret)
          yield* Effect.logInfo(circular)
          yield* Effect.logError("b", new Refused({ host: "registry.example", password: secret }))
          const failure = new Failed({ reason: new Refused({ host: "registry.example", password: secret }) })
          yield* Effect.fail(failure).pipe(Effect.catchCause((cause) => Effect.logError("c", cause)))
          yield* Effect.logInfo("d").pipe(Effect.annotateLogs({ secret }))
        })
      )
      assert.notInclude(fake.writes.join(""), "hunter2")
      const [first, , second, third, fourth] = fake.lines().map((line) => decodeLine(line))
      assert.strictEqual(first?.["secret"], "<redacted>")
      assert.strictEqual(second?.["error"], "Refused: registry.example refused the login")
      assert.strictEqual(third?.["cause"], "Failed: Refused: registry.example refused the login")
      assert.strictEqual(fourth?.["secret"], "<redacted>")
    })
  )

  it.effect("escapes client input, so that it cannot forge a line or control a terminal", () =>
    Effect.gen(function* () {
      const forged = 'x\r\n{"level":"error"}\u001b[2J\u009b31m\u2028\u202e\u200b\u{e0001}\ud800"\\'
      for (const format of ["json", "pretty"] as const) {
        const fake = FakeProcessEnvironment.make()
        const error = Effect.fail(new Error(forged)).pipe(
          Effect.catchCause((cause) => Effect.logError(forged, cause))
        )
        yield* loggedTo(
          fake,
          Effect.andThen(Effect.logInfo(forged, { method: forged, [forged]: 1 }), error),
          { format }
        )
        const text = fake.writes.join("")
        assert.match(text, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+(?:\n[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+)+\n$/u)
        assert.strictEqual(fake.lines().length, format === "json" ? 2 : 3)
        if (format === "json") {
          const line = decodeLine(fake.lines()[0])
          assert.strictEqual(line["message"], forged)
          assert.strictEqual(line["method"], forged)
        }
      }
    })
  )

  it.effect("writes the stack of a defect, and none of a failure", () =>
    Effect.gen(function* () {
      const log = Effect.catchCause((cause) => Effect.logError("bad", cause))
      const [failure, defect] = yield* logged(
        Effect.andThen(
          log(Effect.fail(new Error("expected", { cause: new Error("deeper") }))),
          log(Effect.die(new TypeError("bug")))
        )
      )
      assert.strictEqual(failure?.["cause"], "expected: deeper")
      assert.notProperty(failure, "stack")
      assert.strictEqual(defect?.["cause"], "TypeError: bug")
      assert.match(String(defect?.["stack"]), /^at .*Logging\.test\.ts/)
    })
  )

  it.effect("writes all lines of one turn of the event loop in one write", () =>
    Effect.gen(function* () {
      const fake = FakeProcessEnvironment.make()
      const program = Effect.gen(function* () {
        for (let index = 0; index < 100; index++) yield* Effect.logInfo(`one ${index}`)
        assert.strictEqual(fake.writes.length, 0)
        yield* turn
        yield* turn
        assert.strictEqual(fake.writes.length, 1)
      })
      yield* loggedTo(fake, program)
      assert.strictEqual(fake.lines().length, 100)
    })
  )

  it.effect("drops and counts lines while the reader of stdout is stuck", () =>
    Effect.gen(function* () {
      const fake = FakeProcessEnvironment.make()
      fake.state.isStuck = true
      const count = 3000
      yield* loggedTo(
        fake,
        Effect.gen(function* () {
          yield* Effect.logInfo("first")
          yield* turn
          for (let index = 0; index < count; index++) yield* Effect.logInfo(`${index} ${"x".repeat(1000)}`)
          fake.release()
          yield* turn
          yield* Effect.logInfo("last")
        })
      )
      const lines = fake.lines().map((line) => decodeLine(line))
      const notice = lines.find(({ level }) => level === "warn")
      const lost = Number(notice?.["count"])
      assert.isAbove(lost, count - LogSink.maxBufferedChars / 1000)
      assert.strictEqual(lines.length - 3, count - lost)
      assert.strictEqual(lines.at(-1)?.["message"], "last")
    })
  )

  it.effect("writes every line before its scope closes, including lines logged during a write", () =>
    Effect.gen(function* () {
      const fake = FakeProcessEnvironment.make()
      fake.state.isStuck = true
      const fiber = yield* Effect.forkChild(
        loggedTo(
          fake,
          Effect.gen(function* () {
            yield* Effect.logInfo("one")
            yield* turn
            yield* Effect.logInfo("two")
          })
        )
      )
      yield* turn
      yield* turn
      assert.isUndefined(fiber.pollUnsafe())
      fake.release()
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        fake.lines().map((line) => decodeLine(line)["message"]),
        ["one", "two"]
      )
      assert.strictEqual(fake.exitListeners(), 0)
    })
  )

  it.effect("closes its scope after a timeout if the reader of stdout is stuck", () =>
    Effect.gen(function* () {
      const fake = FakeProcessEnvironment.make()
      fake.state.isStuck = true
      const fiber = yield* Effect.forkChild(loggedTo(fake, Effect.logInfo("one")))
      yield* turn
      yield* turn
      yield* TestClock.adjust(LogSink.drainTimeout)
      yield* Fiber.join(fiber)
    })
  )

  it.effect("writes the buffered lines when the process exits", () =>
    Effect.gen(function* () {
      const fake = FakeProcessEnvironment.make()
      const program = Effect.gen(function* () {
        yield* Effect.logInfo("one")
        fake.exit()
        assert.strictEqual(fake.lines().length, 1)
      })
      yield* loggedTo(fake, program)
      assert.strictEqual(fake.lines().length, 1)
    })
  )

  it.effect("uses the pretty format on a terminal, with colours unless NO_COLOR is set", () =>
    Effect.gen(function* () {
      const program = Effect.logWarning("looks odd", { path: "a b", count: 2 })
      const plain = FakeProcessEnvironment.make({ isTerminal: true, env: { NO_COLOR: "1" } })
      yield* loggedTo(plain, program)
      assert.deepStrictEqual(plain.lines(), ['00:00:00.000 WARN  looks odd path="a b" count=2'])
      const coloured = FakeProcessEnvironment.make({ isTerminal: true })
      yield* loggedTo(coloured, program)
      assert.include(coloured.lines()[0], "\u001b[33mWARN \u001b[0m looks odd")
      const json = FakeProcessEnvironment.make({ isTerminal: true })
      yield* loggedTo(json, program, { format: "json" })
      assert.strictEqual(decodeLine(json.lines()[0])["message"], "looks odd")
      const file = FakeProcessEnvironment.make()
      yield* loggedTo(file, program, { format: "pretty" })
      assert.deepStrictEqual(file.lines(), plain.lines())
    })
  )
})
