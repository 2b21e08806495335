import * as CommandLine from "@registry-packages-proxy/proxy/config/CommandLine"
import type { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { FilePath } from "@registry-packages-proxy/proxy/config/Flags"
import type { Settings } from "@registry-packages-proxy/proxy/config/Settings"
import { Effect } from "effect"

/** The files that the quickstart creates for the program. */
export interface QuickstartPaths {
  readonly credentialsFile: string
  readonly cacheDirectory: string
}

const prefix = "REGISTRY_PACKAGES_PROXY_"

const isGiven = (text: string | undefined): text is string => text !== undefined && text !== ""

/**
 * The program's settings from its flags and variables, with two changes: the quickstart's credentials file is always
 * the first one, and its cache directory is the default.
 */
export const settings = Effect.fnUntraced(function* (
  { args, variables }: Pick<ProcessEnvironment, "args" | "variables">,
  paths: QuickstartPaths
) {
  const cache = variables[`${prefix}CACHE_DIRECTORY`]
  const files = variables[`${prefix}CREDENTIALS_FILE`]
  const parsed = yield* CommandLine.parse(args, {
    ...variables,
    // The quickstart never uses an API server.
    [`${prefix}KUBECONFIG`]: undefined,
    [`${prefix}CACHE_DIRECTORY`]: isGiven(cache) ? cache : paths.cacheDirectory,
    [`${prefix}CREDENTIALS_FILE`]: isGiven(files) ? files : paths.credentialsFile
  })
  const credentialsFile = FilePath.make(paths.credentialsFile)
  const others = parsed.credentialsFiles.filter((file) => file !== credentialsFile)
  const result: Settings = { ...parsed, credentialsFiles: [credentialsFile, ...others] }
  return result
})

/** The quickstart's own flag, which the program does not have. */
const traceFlag = "--trace"

/** Splits the quickstart's --trace from the arguments of the program. */
export const parseTraceFlag = (
  args: ReadonlyArray<string>
): { readonly isTraced: boolean; readonly args: ReadonlyArray<string> } => ({
  isTraced: args.includes(traceFlag),
  args: args.filter((argument) => argument !== traceFlag)
})

/** The variables without those by which a pod finds its API server. */
export const withoutCluster = ({
  KUBERNETES_SERVICE_HOST: _,
  ...variables
}: ProcessEnvironment["variables"]): ProcessEnvironment["variables"] => variables
