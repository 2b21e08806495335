/** Environment variables by name, as in `process.env`. A variable that is not set is absent or undefined. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>
