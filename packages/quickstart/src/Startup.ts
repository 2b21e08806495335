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
 * Parses the program's flags and variables. `paths.credentialsFile` is always the first credentials file, and
 * `paths.cacheDirectory` is the default cache directory. Fails as `CommandLine.parse` does.
 */
export const parseSettings = Effect.fnUntraced(function* (
  { args, env }: Pick<ProcessEnvironment, "args" | "env">,
  paths: QuickstartPaths
) {
  const cache = env[`${prefix}CACHE_DIRECTORY`]
  const files = env[`${prefix}CREDENTIALS_FILE`]
  const parsed = yield* CommandLine.parse(args, {
    ...env,
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

/** A flag of the quickstart only; the program does not have it. */
const traceFlag = "--trace"

/** Returns the arguments without `--trace`. `isTraced` is true if `--trace` was given. */
export const parseTraceFlag = (
  args: ReadonlyArray<string>
): { readonly isTraced: boolean; readonly args: ReadonlyArray<string> } => ({
  isTraced: args.includes(traceFlag),
  args: args.filter((argument) => argument !== traceFlag)
})

/** Returns the variables without KUBERNETES_SERVICE_HOST, by which the program finds an API server in a pod. */
export const withoutKubernetesService = ({
  KUBERNETES_SERVICE_HOST: _,
  ...env
}: ProcessEnvironment["env"]): ProcessEnvironment["env"] => env
