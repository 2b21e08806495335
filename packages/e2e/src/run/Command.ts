import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"

/** A command that ended with an error, with all that it wrote. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  message: Schema.String,
  code: Schema.Int
}) {}

export interface CommandOptions {
  /** Added to PATH, the only variable a command gets unless it gets all. */
  readonly env?: Readonly<Record<string, string>>
  /** Whether it gets all the variables this process has, proxies included. */
  readonly inheritsEnvironment?: boolean
  readonly cwd?: string
}

/** How a command is started: it is killed with the process that started it, however that one ends. */
export const make = (command: string, args: ReadonlyArray<string>, options: CommandOptions = {}) =>
  Effect.map(ProcessEnvironment, ({ variables }) => {
    const given = options.inheritsEnvironment === true ? variables : { PATH: variables["PATH"] }
    return ChildProcess.make("setpriv", ["--pdeathsig", "KILL", "--", command, ...args], {
      env: { ...given, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdin: "ignore",
      forceKillAfter: "10 seconds"
    })
  })

const text = <E>(stream: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(stream))

/** Runs a command to its end; gives what it wrote to its output. */
export const run = Effect.fnUntraced(function* (
  command: string,
  args: ReadonlyArray<string>,
  options?: CommandOptions
) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const handle = yield* spawner.spawn(yield* make(command, args, options))
  const [output, errors, code] = yield* Effect.all(
    [text(handle.stdout), text(handle.stderr), handle.exitCode],
    {
      concurrency: "unbounded"
    }
  )
  if (code !== ChildProcessSpawner.ExitCode(0)) {
    const message = `${command} ${args.join(" ")} ended with ${code}\n${output}${errors}`
    return yield* new CommandFailed({ message, code })
  }
  return output
}, Effect.scoped)

/** What running commands needs. */
export type Services = Effect.Services<ReturnType<typeof run>>
