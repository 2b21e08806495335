/** Two sets of colours. The colour scheme of the viewer's system selects one of them. */
const palettes = {
  light: {
    page: "#ffffff",
    ink: "#1f2328",
    muted: "#59636e",
    line: "#59636e",
    group: "#f6f8fa",
    groupLine: "#d1d9e0",
    ours: "#ddf4ff",
    oursLine: "#54aeff",
    port: "#dafbe1",
    portLine: "#4ac26b",
    other: "#ffffff",
    otherLine: "#818b98",
    bad: "#ffebe9",
    badLine: "#ff8182"
  },
  dark: {
    page: "#0d1117",
    ink: "#f0f6fc",
    muted: "#9198a1",
    line: "#9198a1",
    group: "#151b23",
    groupLine: "#3d444d",
    ours: "#10243e",
    oursLine: "#316dca",
    port: "#12261e",
    portLine: "#347d39",
    other: "#0d1117",
    otherLine: "#656c76",
    bad: "#25171c",
    badLine: "#b62324"
  }
} as const

type Palette = Readonly<Record<keyof (typeof palettes)["light"], string>>

/**
 * The kind of a box, for its colours. `ours` is a part of registry-packages-proxy, `port` is one of the ports in
 * docs/architecture.md, `other` is an external component, and `bad` is a refusal.
 */
export type BoxKind = "ours" | "port" | "other" | "bad"

const rules = (colours: Palette): string =>
  [
    `.page{fill:${colours.page}}`,
    `text{fill:${colours.ink}}`,
    `.muted{fill:${colours.muted}}`,
    `.halo{stroke:${colours.page};stroke-width:5px;stroke-linejoin:round;paint-order:stroke}`,
    `.line{stroke:${colours.line}}`,
    `.head{fill:${colours.line}}`,
    `.group{fill:${colours.group};stroke:${colours.groupLine}}`,
    ...(["ours", "port", "other", "bad"] as const).map(
      (kind) => `.${kind}{fill:${colours[kind]};stroke:${colours[`${kind}Line`]}}`
    )
  ].join("")

/** Returns an upper bound of a text's width in common fonts, in pixels. */
export const textWidth = (text: string, size: number): number =>
  Array.from(text).reduce(
    (sum, char) => sum + (/[iljftr.,:;'|!()[\] ]/.test(char) ? 0.38 : /[mwMW@%…—→]/.test(char) ? 0.95 : 0.61),
    0
  ) * size

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const round = (value: number): string => String(Math.round(value * 10) / 10)

interface TextOptions {
  readonly size?: number
  readonly bold?: boolean
  readonly muted?: boolean
  readonly anchor?: "start" | "middle" | "end"
  /** True to hide lines behind the text. */
  readonly halo?: boolean
}

/** Returns the SVG element of one line of text on the baseline `y`. */
export const text = (x: number, y: number, content: string, options: TextOptions = {}): string => {
  const { anchor = "middle", bold = false, halo = false, muted = false, size = 13 } = options
  const attributes = `x="${round(x)}" y="${round(y)}" font-size="${size}" text-anchor="${anchor}"`
  const weight = bold ? ' font-weight="600"' : ""
  const classes = [muted ? "muted" : "", halo ? "halo" : ""].filter((name) => name !== "").join(" ")
  return `<text ${attributes}${weight}${classes === "" ? "" : ` class="${classes}"`}>${escape(content)}</text>`
}

/** Returns the SVG element of a rectangle with round corners. */
export const box = (
  x: number,
  y: number,
  width: number,
  height: number,
  kind: BoxKind | "group",
  dashed = false
): string =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="6" class="${kind}"${dashed ? ' stroke-dasharray="5 4"' : ""}/>`

/** Returns the SVG element of a line along the path `d`, with an arrowhead at its end unless `head` is false. */
export const arrow = (
  d: string,
  options: { readonly dashed?: boolean; readonly head?: boolean } = {}
): string =>
  `<path d="${d}" class="line" fill="none" stroke-width="1.3"${options.dashed === true ? ' stroke-dasharray="4 3"' : ""}${options.head === false ? "" : ' marker-end="url(#head)"'}/>`

/** Joins path commands, and rounds their numbers. Example: `path("M", 1, 2.34)` returns `M 1 2.3`. */
export const path = (...parts: ReadonlyArray<string | number>): string =>
  parts.map((part) => (typeof part === "number" ? round(part) : part)).join(" ")

/** Returns a whole SVG. Screen readers read `title` and `description`. */
export const picture = (
  width: number,
  height: number,
  words: { readonly title: string; readonly description: string },
  shapes: ReadonlyArray<string>
): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${round(width)}" height="${round(height)}" viewBox="0 0 ${round(width)} ${round(height)}" font-family="system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif" role="img" aria-labelledby="title description">`,
    `<title id="title">${escape(words.title)}</title>`,
    `<desc id="description">${escape(words.description)}</desc>`,
    `<style>${rules(palettes.light)}@media (prefers-color-scheme: dark){${rules(palettes.dark)}}</style>`,
    `<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0.8 L7.5 4 L0 7.2 z" class="head"/></marker></defs>`,
    `<rect width="100%" height="100%" rx="8" class="page"/>`,
    ...shapes,
    "</svg>",
    ""
  ].join("\n")
