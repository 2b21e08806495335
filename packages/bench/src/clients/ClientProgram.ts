import { Effect } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

/**
 * Runs `file`, a program in this folder, in a new process. Returns the parsed JSON that the program prints. If the
 * program fails, the error contains its stderr.
 */
export const runClientProgram = <Outcome>(
  file: string,
  args: ReadonlyArray<string | number>
): Effect.Effect<Outcome, Error> =>
  Effect.callback((resume) => {
    const program = fileURLToPath(new URL(file, import.meta.url))
    const child = execFile(process.execPath, [program, ...args.map(String)], (error, stdout, stderr) => {
      resume(
        error === null
          ? Effect.succeed(JSON.parse(stdout) as Outcome)
          : Effect.fail(new Error(`${file} failed: ${stderr}`))
      )
    })
    return Effect.sync(() => {
      child.kill()
    })
  })
