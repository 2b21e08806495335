import { execFile } from "node:child_process"
import { promisify } from "node:util"

const execute = promisify(execFile)

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Runs a command and returns its standard output, trimmed. If the command fails, rejects with an error that contains
 * all its output.
 */
export const run = async (
  command: string,
  args: ReadonlyArray<string>,
  options: RunOptions = {}
): Promise<string> => {
  try {
    const { stdout } = await execute(command, args, { ...options, maxBuffer: 64 * 1024 * 1024 })
    return stdout.trim()
  } catch (cause) {
    const { stderr = "", stdout = "" } = cause as { readonly stdout?: string; readonly stderr?: string }
    throw new Error(`${command} ${args.join(" ")} failed: ${stdout}${stderr}`.trim(), { cause })
  }
}
