const units = ["B", "KiB", "MiB", "GiB"] as const

/** Formats a number of bytes. Examples: `5.9 KiB`, `64 MiB`. */
export const bytes = (count: number): string => {
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10))
  const value = count / 1024 ** power
  return `${power === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

/** Formats a duration in milliseconds. Examples: `0.8 ms`, `23 ms`, `1.4 s`. */
export const duration = (millis: number): string =>
  millis < 9.95
    ? `${millis.toFixed(1)} ms`
    : millis < 999.5
      ? `${Math.round(millis)} ms`
      : `${(millis / 1000).toFixed(1)} s`

/** Returns a progress bar of `width` characters, filled to `fraction` (0 to 1) in steps of an eighth of a character. */
export const progressBar = (fraction: number, width: number): string => {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction)) * width * 8)
  const full = Math.floor(eighths / 8)
  const part = " ▏▎▍▌▋▊▉"[eighths % 8] ?? " "
  return full === width ? "█".repeat(width) : `${"█".repeat(full)}${part}${" ".repeat(width - full - 1)}`
}

/** Returns `text` as one word of a POSIX shell command, quoted if necessary. */
export const quoteShellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
