import { type GroupName, groupNames, isGroupName } from "./TestGroups.ts"

/** The arguments of `npm run test:e2e -- ...`. */
export interface TestArguments {
  readonly install: boolean
  /** Skips the build of the program. */
  readonly skipBuild: boolean
  /** The groups to run; default: all. */
  readonly groups: ReadonlyArray<GroupName>
  /** Options for vitest: every other argument that begins with a dash. */
  readonly vitestOptions: ReadonlyArray<string>
  /** Words that are not names of groups. */
  readonly unknownGroups: ReadonlyArray<string>
}

const own: ReadonlyArray<string> = ["--install", "--skip-build"]

/** Parses the arguments. Options for vitest must have the form `--name=value`. */
export const parse = (args: ReadonlyArray<string>): TestArguments => {
  const words = args.filter((arg) => !arg.startsWith("-"))
  const named = words.filter(isGroupName)
  return {
    install: args.includes("--install"),
    skipBuild: args.includes("--skip-build"),
    groups: named.length === 0 ? groupNames : groupNames.filter((name) => named.includes(name)),
    vitestOptions: args.filter((arg) => arg.startsWith("-") && !own.includes(arg)),
    unknownGroups: words.filter((word) => !isGroupName(word))
  }
}
