import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"

/** A command ended with an exit code other than 0. The message contains the output of the command. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  message: Schema.String,
  code: Schema.Int
}) {}

export interface CommandOptions {
  /** Environment variables of the command. The command also gets PATH from this process. */
  readonly env?: Readonly<Record<string, string>>
  /** True if the command also gets all environment variables of this process, such as HTTPS_PROXY. */
  readonly inheritsEnvironment?: boolean
  readonly cwd?: string
}

/**
 * Returns a command that can be spawned. The command is killed when this process ends, even if this process crashes.
 */
export const make = (command: string, args: ReadonlyArray<string>, options: CommandOptions = {}) =>
  Effect.map(ProcessEnvironment, ({ env }) => {
    const given = options.inheritsEnvironment === true ? env : { PATH: env["PATH"] }
    return ChildProcess.make("setpriv", ["--pdeathsig", "KILL", "--", command, ...args], {
      env: { ...given, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdin: "ignore",
      forceKillAfter: "10 seconds"
    })
  })

const text = <E>(stream: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(stream))

/** Runs a command and returns its standard output. Fails with `CommandFailed` if the exit code is not 0. */
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

/** The Effect services that `run` requires. */
export type Services = Effect.Services<ReturnType<typeof run>>
