import { type GroupName, groupNames, isGroupName } from "./Groups.ts"

/** What `npm run test:e2e -- ...` was told. */
export interface Arguments {
  readonly install: boolean
  /** Whether what is there already is tested. */
  readonly skipBuild: boolean
  /** The groups to run, all unless some are named. */
  readonly groups: ReadonlyArray<GroupName>
  /** What is vitest's: everything that begins with a dash. */
  readonly vitest: ReadonlyArray<string>
  /** Words that are no group's name. */
  readonly unknown: ReadonlyArray<string>
}

const own: ReadonlyArray<string> = ["--install", "--skip-build"]

/** Sorts the arguments out. Options for vitest are to be given as `--name=value`. */
export const parse = (args: ReadonlyArray<string>): Arguments => {
  const words = args.filter((arg) => !arg.startsWith("-"))
  const named = words.filter(isGroupName)
  return {
    install: args.includes("--install"),
    skipBuild: args.includes("--skip-build"),
    groups: named.length === 0 ? groupNames : groupNames.filter((name) => named.includes(name)),
    vitest: args.filter((arg) => arg.startsWith("-") && !own.includes(arg)),
    unknown: words.filter((word) => !isGroupName(word))
  }
}
